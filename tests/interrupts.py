"""Commands that the tests press ctrl-C in."""

HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""Beginning of a program: shells start what runs in the background with ctrl-C ignored, and so would all it starts."""
