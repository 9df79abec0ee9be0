"""How long one waits for the first word: `--help`, and the first answer of `classify` beyond `import torch`; one run.

    python benchmarks/startup.py VIDEO [--rounds 7] [--json]

Every measurement is a process of its own, the ways take turns, and all caches are warm: each has run once before, so
that the kernels are compiled, files lie in memory and modules are compiled to bytecode. `classify` runs the bundle
`motion`, and the one that is taken without a name.
"""

import argparse
import json
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

import torch
from peak import seconds_of

from faster_video.engine.kept import processor

TORCH, HELP, CLASSIFY = "import torch", "faster-video --help", "faster-video classify VIDEO --bundle motion"
DEFAULT = "faster-video classify VIDEO"
PROGRAM = "import sys; from faster_video.cli import main; sys.exit(main())"
"""What the installed `faster-video` does."""
MOST_HELP, MOST_BEYOND = 0.5, 3.0
"""Seconds that are wanted at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ways = {
        TORCH: [sys.executable, "-c", "import torch"],
        HELP: [sys.executable, "-c", PROGRAM, "--help"],
        CLASSIFY: [sys.executable, "-c", PROGRAM, "classify", str(options.video), "--bundle", "motion"],
        DEFAULT: [sys.executable, "-c", PROGRAM, "classify", str(options.video)],
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for words in ways.values():
        run(words)
    for _ in range(options.rounds):
        for way, words in ways.items():
            taken[way].append(seconds_of(partial(run, words)))
    seconds = {way: median(each) for way, each in taken.items()}
    beyond, beyond_default = (seconds[way] - seconds[TORCH] for way in (CLASSIFY, DEFAULT))
    about = {"processor": ", ".join(processor()[:2]), "python": platform.python_version(), "torch": torch.__version__}
    if options.json:
        spread = {way: [min(each), max(each)] for way, each in taken.items()}
        ratio = seconds[CLASSIFY] / seconds[TORCH]
        print(
            json.dumps(
                {
                    **about,
                    "seconds": seconds,
                    "spread": spread,
                    "beyond_torch": beyond,
                    "beyond_torch_default": beyond_default,
                    "times_torch": ratio,
                }
            )
        )
        return
    print(", ".join(about.values()))
    for way, each in taken.items():
        print(f"{way:44} {seconds[way]:.2f} s ({min(each):.2f} – {max(each):.2f})")
    print(f"--help: {seconds[HELP]:.2f} s, wanted under {MOST_HELP}")
    print(
        f"first answer beyond import torch: {beyond:.2f} s, wanted at most {MOST_BEYOND}; "
        f"{seconds[CLASSIFY] / seconds[TORCH]:.2f} times as long; with the default bundle {beyond_default:.2f} s"
    )


def run(words: list[str]) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
