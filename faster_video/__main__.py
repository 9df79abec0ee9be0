"""`python -m faster_video` is the command `faster-video`; torchrun starts it so."""

from faster_video.cli import program

if __name__ == "__main__":
    program()
