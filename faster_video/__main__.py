"""`python -m faster_video` is the command `faster-video`; torchrun starts it so."""

import sys

from faster_video.cli import main

if __name__ == "__main__":
    sys.exit(main())
