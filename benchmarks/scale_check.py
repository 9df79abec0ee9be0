"""The closed form and the simulation against real runs on this machine.

Part of `benchmarks/scale.py`, whose docstring says how it is run. In turns, each way once for each bundle:

    1 process    classify --out --processes 1, on one core
    2 processes  the same with two, on two cores
    1 worker     --cluster, one worker on a machine of one core, made up on this one
    2 workers    on two such machines

Compared are the seconds of the work on the wall, from the first row to the last, with what was to be expected of the
samples, which were measured on other files at another time. A worker decodes on the other core, if nobody else uses it:
that is the prediction "on two cores"; where all cores have a worker, decoding takes its share of one. Beside it are
the core seconds of each command and its children that the files took, those of no files taken off: other work on the
machine shows less there.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow.parquet as pq
from cluster import QUICK, cluster
from scale_model import files_per_task, gmacs_of, makespan
from scale_simulate import Setup, Video, simulate

WAYS = {"1 process": (0, 1), "2 processes": (0, 2), "1 worker": (1, 1), "2 workers": (2, 2)}
"""Machines of the cluster, and processes that compute."""


def check(data: Path, files: int, found: dict[str, Any]) -> None:
    """Print a line for each bundle and way."""
    chosen = random.Random(7)
    every = [*sorted((data / "fights").rglob("*.mp4")), *sorted((data / "interactions").rglob("*.avi"))]
    some = chosen.sample(every, min(files, len(every)))
    print(f"load {os.getloadavg()[0]:.1f}; seconds measured here, / of them predicted; core seconds of a file")
    for bundle, count in (("motion", files), ("default", files // 5)):
        paths = [str(path) for path in some[:count]]
        for way in WAYS:
            print(line_of(bundle, way, paths, found), flush=True)


def line_of(bundle: str, way: str, paths: list[str], found: dict[str, Any]) -> str:
    """One real run beside what was predicted for it."""
    machines = WAYS[way][0]
    usual = core_seconds(bundle, way, paths[:1])[1]
    work, cores = core_seconds(bundle, way, paths)
    expected = expectations(bundle, way, len(paths), found)
    each = (cores - usual) / (len(paths) - 1)
    predicted = mean(found["decoding"]["short"][bundle]) + mean(found["networks"][bundle])
    words = ", ".join(f"{name} {seconds:.1f} ({work / seconds:.2f})" for name, seconds in expected.items())
    got = each * len(paths) / work / WAYS[way][1]
    told = f"; core s a file {each:.3f}, predicted {predicted:.3f} ({each / predicted:.2f}); had {got:.0%} of its cores"
    of_cores = "" if machines else told
    return f"{bundle:7} {way:11} {len(paths)} files: {work:.1f} s; {words}{of_cores}; load {os.getloadavg()[0]:.1f}"


def core_seconds(bundle: str, way: str, paths: list[str]) -> tuple[float, float]:
    """Seconds of the work on the wall, and core seconds of the command and its children."""
    machines, processes = WAYS[way]
    with tempfile.TemporaryDirectory() as folder, cluster(machines) as where, on_cores(1 if way == "1 process" else 2):
        out = Path(folder, "out")
        words = ["--workers", str(processes)] if machines else ["--processes", str(processes)]
        before = used()
        work = work_seconds(["classify", *paths, "--bundle", bundle, "--out", str(out), *words, *where])
        assert pq.read_table(out).num_rows == len(paths)
        return work, used() - before


def work_seconds(command: list[str]) -> float:
    """From its first rows to its last, as if the first had taken the mean time; of one file, nothing."""
    done = subprocess.run([sys.executable, "-c", QUICK, *command], capture_output=True, text=True)
    if done.returncode:  # what it has written is looked at all the same
        print(f"(ended with {done.returncode}: {done.stderr.splitlines()[-1]})")
    told = [line.split() for line in done.stderr.splitlines() if line[:1].isdecimal() and line.count(" ") == 1]
    times = [(float(at), int(count)) for at, count in told]
    later = sum(count for _, count in times[1:])
    return (times[-1][0] - times[0][0]) * (later + times[0][1]) / max(1, later)


def used() -> float:
    """Core seconds of all children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Only so many cores for what is started here."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(usual)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def expectations(bundle: str, way: str, count: int, found: dict[str, Any]) -> dict[str, float]:
    """Seconds of the work by the closed form and by the simulation, on two cores where one would be idle."""
    machines, processes = WAYS[way]
    decode, network = found["decoding"]["short"][bundle], found["networks"][bundle]
    by_task = min(files_per_task(gmacs_of(bundle)), -(-count // processes)) if machines else 1
    task = found["driver"]["task_seconds"] if machines else 0.0
    two_cores = way == "1 worker"
    usual = max(mean(decode), mean(network)) if two_cores else mean(decode) + mean(network)
    chosen = random.Random(3)
    pairs = [chosen.choice(list(zip(decode, network, strict=True))) for _ in range(count)]
    videos = [Video(0.0, d, n) if two_cores else Video(0.0, 0.0, d + n) for d, n in pairs]
    setup = Setup(workers=processes, files_per_task=by_task, task_seconds=task)
    runs = [simulate(replace(setup, seed=seed), chosen.sample(videos, count)).seconds for seed in range(5)]
    formula = makespan(processes, -(-count // by_task), by_task, compute=usual, task=task)
    return {"formula": formula, "simulated": mean(runs)}
