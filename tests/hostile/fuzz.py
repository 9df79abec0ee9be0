"""Coverage-guided fuzzing of the whole decode path: clips, single frames, and the check of every frame.

    python tests/hostile/fuzz.py [--files 20000] [--seed 0] [--keep FOLDER]

Seeds are small videos of every container and codec that PyAV can write and read, odd ones, and what was found before.
Each file is made of one of them, or of one that reached something new, by one to eight changes that know a little of
video files (`mutation.py`), written to disk, and decoded in a child process with a memory limit. This process watches
it: a child that crashes, or that is at one file for more than ten seconds, is replaced and the file kept in
FOLDER/found; so is every file with another end than clips of the right shape or a `DecodeError` in one line that begins
with its name. One that takes more than a gigabyte is reported too. Exit code: 1 if anything was found, or fewer files
decoded than asked for.

What guides it is the coverage of our Python code (atheris, libFuzzer) and the sentences that FFmpeg logs: FFmpeg
itself, as PyAV ships it, is not instrumented, so that a new branch of its C code is seen only by what it says.
Needs atheris, which the `dev` extra installs.
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import av
from examine import DECODED, REFUSED, WRONG
from examiner import HANG_SECONDS, START_SECONDS, Examiner
from mutation import MOST_BYTES
from oddities import ODD
from pairs import write_pairs

CHILD = Path(__file__).with_name("fuzz_child.py")
REGRESSIONS = Path(__file__).with_name("regressions")
RUNS_OF_A_CHILD = 20_000
"""Then a new one takes over, with another seed of chance."""
MOST_GROWTH = 2**30
"""Bytes by which no file may make the process grow."""
MOST_BARREN = 3
"""Children that bring nothing new, one after the other: the next ones would not either."""
MOST_FINDINGS = 100
"""After so many, more would say nothing new."""


@dataclass(slots=True)
class Report:
    """What was executed and found."""

    kinds: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    digests: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    slowest: float = 0.0
    largest: int = 0
    children: int = 0

    def add(self, line: dict[str, Any]) -> None:
        """One line of the child's log."""
        self.digests.add(line["digest"])
        self.kinds[line["kind"]] += 1
        self.slowest, self.largest = max(self.slowest, line["seconds"]), max(self.largest, line["peak_bytes"])
        if line["kind"] == REFUSED:
            self.said[re.sub(r"[0-9][0-9,]*", "N", line["said"].split(": ", 1)[1])] += 1
        if line["kind"] == WRONG:
            self.findings.append(f"wrong, {line['digest']}: {line['said']}")
        if line["peak_bytes"] > MOST_GROWTH:
            self.findings.append(f"memory, {line['digest']}: {line['peak_bytes']:,} bytes")


def main() -> None:
    """Fuzz, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000, help="different mutated files to be decoded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for what is found; a new one otherwise")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("fuzzing needs atheris, which has wheels for Linux on x86-64: pip install 'atheris>=3'")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-")) if options.keep is None else options.keep
    began = time.monotonic()
    seeds = write_seeds(folder)
    print(
        f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}, atheris {version('atheris')}; {seeds} seeds",
        flush=True,
    )
    report = fuzz(folder, options.files, options.seed)
    print_report(report, seeds, time.monotonic() - began, folder)
    sys.exit(bool(report.findings) or len(report.digests) < options.files)


def write_seeds(folder: Path, muxers: tuple[str, ...] | None = None, odd: Iterable[str] = ODD) -> int:
    """The folders that a child needs; how many files it begins with: the small ones that our reader decodes."""
    for name in ("seeds", "grown", "found", "now"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    seeds = folder / "seeds"
    paths = [*write_pairs(seeds, muxers), *(ODD[name][0](seeds / name) for name in odd)]
    with Examiner() as examiner:
        for path in paths:
            if path.stat().st_size > MOST_BYTES or examiner.examine(path).kind != DECODED:
                path.unlink()
    for path in REGRESSIONS.iterdir():
        (seeds / path.name).write_bytes(path.read_bytes())
    return sum(1 for _ in seeds.iterdir())


def fuzz(folder: Path, files: int, seed: int) -> Report:
    """Have so many different files decoded, by one child after the other."""
    report = Report()
    barren = 0  # children one after the other that brought no new file
    (folder / "log.jsonl").write_text("")
    with (folder / "log.jsonl").open() as log:
        while len(report.digests) < files and len(report.findings) < MOST_FINDINGS and barren < MOST_BARREN:
            again = sum(1 for _ in (folder / "grown").iterdir())  # what a child begins with
            before = len(report.digests)
            runs = min(RUNS_OF_A_CHILD, files - len(report.digests)) + again + 50
            report.children += 1
            with (folder / f"child-{report.children}.txt").open("w") as said:
                command = [sys.executable, str(CHILD), str(folder), str(runs), str(seed + report.children)]
                child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            why = watch(child, log, report)
            if why is not None:
                report.findings.append(f"{why}: {kept(folder, report.children)}")
            barren = barren + 1 if len(report.digests) == before else 0
            print(f"{len(report.digests):,} files, {len(report.findings)} findings", flush=True)
    if barren == MOST_BARREN:
        report.findings.append(f"{barren} processes one after the other decoded no new file")
    return report


def watch(child: subprocess.Popen[bytes], log: TextIO, report: Report) -> str | None:
    """Read a child's log until it ends; why that was no good end, None where it was."""
    latest, patience, rest = time.monotonic(), float(START_SECONDS), ""
    while True:
        code = child.poll()
        lines = (rest + log.read()).split("\n")
        rest = lines.pop()  # what is not written to its end
        for line in lines:
            report.add(json.loads(line))
        if lines:
            latest, patience = time.monotonic(), HANG_SECONDS
        if code is not None:
            return None if code == 0 else f"the process ended with {code}"
        if time.monotonic() - latest > patience:
            child.kill()
            child.wait()
            return f"hung for {patience:.0f} s"
        time.sleep(0.1)


def kept(folder: Path, number: int) -> str:
    """The file that the child was at, kept under another name; what the child said where it was at none."""
    for path in (folder / "now").iterdir():
        return str(path.replace(folder / "found" / f"child-{number}{path.suffix}"))
    return (folder / f"child-{number}.txt").read_text()[-2000:]


def print_report(report: Report, seeds: int, seconds: float, folder: Path) -> None:
    """What was executed, how it ended, and what was found."""
    total = sum(report.kinds.values())
    print(f"{total:,} files executed, {len(report.digests):,} of them different; {report.children} processes one after")
    print(f"the other, {seconds:.0f} s; {sum(1 for _ in (folder / 'grown').iterdir())} files reached something new")
    for kind, number in sorted(report.kinds.items()):
        print(f"  {kind:10} {number:>8,}")
    print(f"slowest {report.slowest:.2f} s; most memory that a file took {report.largest / 2**20:.0f} MiB")
    print("refused with:")
    for said, number in report.said.most_common(25):
        print(f"  {number:>8,}  {said}")
    print(f"{len(report.findings)} findings" + (f", kept in {folder / 'found'}" if report.findings else ""))
    for finding in report.findings:
        print(f"  {finding}")


if __name__ == "__main__":
    main()
