"""Many short files through one `classify`, against a plain loop over the same engine; one run.

    python benchmarks/folder.py FOLDER [--files 1000] [--rounds 5] [--json]

FOLDER holds short videos; the bundle `motion` classifies them. Seconds of whole commands, with their start, in turns:

    loop          for file in files: classifier.classify(file)
    one process   faster-video classify FOLDER --jsonl --processes 1
    as it comes   faster-video classify FOLDER --jsonl

Peak memory is that of all processes of a command together (proportional set size, looked at every tenth of a second).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from peak import described, rates

LOOP = """
import json, sys
from faster_video import load
classifier = load("motion")
for path in sys.argv[1:]:
    print(json.dumps(classifier.classify(path).as_dict(5)), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(torch.get_num_threads())
    print(json.dumps(about) if options.json else described(about))
    files = sorted(map(str, options.folder.rglob("*.mp4")))[: options.files]
    command = [sys.executable, "-m", "faster_video", "classify", *files, "--bundle", "motion", "--jsonl"]
    ways = {
        "loop": [sys.executable, "-c", LOOP, *files],
        "one process": [*command, "--processes", "1"],
        "as it comes": command,
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    most_bytes = dict.fromkeys(ways, 0)
    labels: dict[str, list[str]] = {}
    for _ in range(options.rounds):
        for way, words in ways.items():
            taken, most, labels[way] = run(words)
            seconds[way].append(taken)
            most_bytes[way] = max(most, most_bytes[way])
    assert labels["loop"] == labels["one process"] == labels["as it comes"], "the ways disagree"
    usual = median(seconds["loop"])
    for way, each in seconds.items():
        values = {
            "way": way,
            "files": len(files),
            "seconds": median(each),
            "fastest": min(each),
            "slowest": max(each),
            "files_per_second": len(files) / median(each),
            "times_loop": usual / median(each),
            "peak_bytes": most_bytes[way],
        }
        spread = f"({min(each):.1f} – {max(each):.1f})"
        text = (
            f"{way:12} {len(files)} files in {median(each):.1f} s {spread}, {len(files) / median(each):.1f} a second, "
            f"{usual / median(each):.2f} × loop, {most_bytes[way] / 2**20:.0f} MiB at most"
        )
        print(json.dumps(values) if options.json else text)


def run(words: list[str]) -> tuple[float, int, list[str]]:
    """Seconds of a command, the most memory of it and its children in bytes, and the labels that it tells."""
    with tempfile.TemporaryFile("w+") as told:
        began, most = time.perf_counter(), 0
        process = subprocess.Popen(words, stdout=told)
        while process.poll() is None:
            most = max(most, sum(map(memory, family(process.pid))))
            time.sleep(0.1)
        taken = time.perf_counter() - began
        assert process.returncode == 0, process.returncode
        told.seek(0)
        return taken, most, [json.loads(line)["labels"][0]["label"] for line in told]


def family(pid: int) -> Iterator[int]:
    """A process and all that it has started."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def memory(pid: int) -> int:
    """Its share of the memory in bytes: what several processes share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
