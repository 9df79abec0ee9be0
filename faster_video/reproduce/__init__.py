"""The paper's tables and figures as commands: all that one needs is trained, judged, and put beside the paper's.

Empty, so that `--help` finds the experiments' names without waiting for PyTorch.
"""
