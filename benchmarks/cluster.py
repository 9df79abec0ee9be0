"""`classify --out` by one process, against workers of a Ray cluster on this machine; one run.

    python benchmarks/cluster.py FOLDER [--bundle motion] [--files 400] [--rounds 3] [--workers 1 2 4] [--json]

FOLDER holds videos. In turns, each way `--rounds` times, each time into a new folder; the rows must be equal:

    plain        faster-video classify … --out … --processes 1
    1 worker     the same with --cluster ADDRESS --workers 1, on a machine of one core, made up on this one
    2 workers    on two such machines (ray.cluster_utils.Cluster)
    4 workers    on four

Every worker has one thread, as plain has (OMP_NUM_THREADS=1). Two times are told of each way: of the whole command,
and of its work, from the first row to the last, without the start of Python, Ray and the workers, which takes the same
time however many files there are. (Of a few tasks, 16 files at most, which several workers end at the same moment, that
says little.) Cores that other work was using show in the load.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq
from peak import described, rates

from faster_video.predictions.rows import TIMES

QUICK = """
import sys
import time
from faster_video.cli import program
from faster_video.predictions.folder import PredictionFolder
usual = PredictionFolder.add
def add(self, rows):
    print(time.time(), len(rows), file=sys.stderr)
    usual(self, rows)
PredictionFolder.add = add
program()
"""
"""The command line, telling when rows were known."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle", default="motion")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    about = rates(1)
    print(json.dumps(about) if options.json else described(about))
    files = sorted(map(str, options.folder.rglob("*.mp4")))[: options.files]
    ways = {"plain": (0, ["--processes", "1"])} | {
        f"{count} worker{'s' if count > 1 else ''}": (count, ["--workers", str(count)]) for count in options.workers
    }
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    rows: dict[str, Any] = {}
    for _ in range(options.rounds):
        for way, (machines, words) in ways.items():
            with tempfile.TemporaryDirectory() as folder, cluster(machines) as where:
                out = Path(folder, "out")
                command = ["classify", *files, "--bundle", options.bundle, "--out", str(out), *words, *where]
                runs[way].append(timed(command))
                rows[way] = pq.read_table(out).drop_columns(list(TIMES)).sort_by("path")
    for way, found in runs.items():
        assert rows[way].equals(rows["plain"]), f"{way} has other rows than plain"
        whole, work = (median(times) for times in zip(*found, strict=True))
        usual = [median(times) for times in zip(*runs["plain"], strict=True)]
        values = {
            "bundle": options.bundle,
            "way": way,
            "files": len(files),
            "seconds": whole,
            "seconds_work": work,
            "times_plain": whole / usual[0],
            "times_plain_work": work / usual[1],
            "each": found,
            "load": os.getloadavg()[0],
        }
        text = (
            f"{options.bundle} {way:10} {len(files)} files: command {whole:.1f} s, {whole / usual[0]:.2f} × plain; "
            f"work {work:.1f} s, {work / usual[1]:.2f} × plain; "
            f"{', '.join(f'{all_of_it:.1f}/{of_work:.1f}' for all_of_it, of_work in found)}"
        )
        print(json.dumps(values) if options.json else text, flush=True)
    if not options.json:
        print(f"rows equal in all ways; load {os.getloadavg()[0]:.1f}")


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds of the whole command, and from its first rows to its last, as if the first had taken the mean time."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", QUICK, *command], capture_output=True, text=True)
    whole = time.perf_counter() - began
    assert done.returncode == 0, (done.returncode, done.stderr)
    told = [line.split() for line in done.stderr.splitlines() if line[:1].isdecimal() and line.count(" ") == 1]
    times = [(float(at), int(count)) for at, count in told]
    later = sum(count for _, count in times[1:])
    return whole, (times[-1][0] - times[0][0]) * (later + times[0][1]) / later


@contextmanager
def cluster(machines: int) -> Iterator[list[str]]:
    """Options for a cluster of so many machines of a core each; for none, no options."""
    if machines == 0:
        yield []
        return
    from ray.cluster_utils import Cluster

    found = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.2", "include_dashboard": False}
    )
    try:
        for _ in range(machines):
            found.add_node(wait=False, num_cpus=1, node_ip_address="127.0.0.2")
        found.wait_for_nodes()
        yield ["--cluster", found.address]
    finally:
        found.shutdown()


if __name__ == "__main__":
    os.environ |= {"PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ |= {"RAY_worker_niceness": "0"}  # as plain; otherwise other work on the machine would come first
    main()
