"""The experiments' names, without anything heavy: `--help` lists them."""

EXPERIMENT_NAMES = ("table2", "table3", "table4", "table5", "table6", "table8", "figure3", "figure4")
FRAMES = (8, 16, 32)
"""The paper's clip lengths, L."""
SPLITS = (1, 2, 3)
"""The official ones of UCF-101 and HMDB-51."""
