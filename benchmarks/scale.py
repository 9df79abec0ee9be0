"""A million videos, a billion: how long on how many machines? A cost model, a simulation, and measured numbers.

    python benchmarks/scale.py measure DATA [--files 30]     # → results/scale_samples.json; about ten minutes
    python benchmarks/scale.py predict                       # the tables of docs/scale.md
    python benchmarks/scale.py simulate [--videos 100000]    # the same clusters, event by event
    python benchmarks/scale.py check DATA [--files 240]      # both against real runs on this machine
    python benchmarks/scale.py picture                       # → results/scale.png

DATA is a folder with the folders `fights` and `interactions` of real videos. Measured is what one video takes of this
machine (scale_measure.py), and from there on everything is computed:

    predict    the closed form (scale_model.py) on machines that can be rented, for ten-second videos
    simulate   the scheduler (scale_simulate.py) with videos drawn from the samples, with workers that die, and
               slow ones; a slice of the work, long enough for every worker to have tens of tasks
    check      (scale_check.py) `classify --processes 1` and `2`, and workers of a Ray cluster, against both

No machine that is named was tried: what `predict` and `simulate` print are predictions.
"""

import argparse
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

from scale_model import (
    CLUSTER_START_SECONDS,
    DOLLARS_PER_GB_MONTH,
    FAILURES_PER_MACHINE_HOUR,
    GETS_PER_SECOND_OF_A_PREFIX,
    LATENCY_SECONDS,
    MACHINES,
    RESULTS,
    SAMPLES,
    VIEWS,
    Job,
    Machine,
    jobs,
    limit_of,
    needed,
    parts,
    process_seconds,
    samples,
    seconds,
)
from scale_simulate import Setup, Video, simulate

from faster_video.features.layout import BYTES_PER_VALUE
from faster_video.predictions.folder import PART_ROWS

PLANS = ((1e6, 24.0, "1 M videos in a day"), (1e9, 30 * 24.0, "1 B videos in 30 days"))
STRAGGLER_SHARE, STRAGGLER_SLOWDOWN = 0.02, 2.0
"""Assumption: of the workers, and how much longer they take."""
GPU_FILES = 64
"""In a task, if cluster and GPU were made for each other."""
GPU_FETCHES = 16
"""At once, then."""
PICTURED = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, files in (("measure", 30), ("check", 240)):
        command = commands.add_parser(name)
        command.add_argument("data", type=Path)
        command.add_argument("--files", type=int, default=files)
    commands.add_parser("predict")
    commands.add_parser("simulate").add_argument("--videos", type=int, default=100_000)
    commands.add_parser("picture")
    options = parser.parse_args()
    if options.command == "measure":
        from scale_measure import measured

        SAMPLES.write_text(json.dumps(measured(options.data, options.files)) + "\n", "utf-8")
    elif options.command == "check":
        from scale_check import check

        check(options.data, options.files, samples())
    elif options.command == "picture":
        draw(samples(), RESULTS / "scale.png")
    else:
        lines = predicted(samples()) if options.command == "predict" else simulated(samples(), options.videos)
        for line in lines:
            print(line, flush=True)


def predicted(found: dict[str, Any]) -> Iterator[str]:
    """The tables, line by line."""
    yield from constants(found)
    task = found["driver"]["task_seconds"]
    for videos, hours, title in PLANS:
        yield f"\n{title}\n"
        yield from table(found, "ten", videos, hours, task)
    yield "\nVideos a second of one machine, by what limits it\n"
    yield from ceilings(found)
    yield "\n1 M videos of 100 s in a day\n"
    yield from table(found, "hundred", 1e6, 24.0, task, names=("classify16", "default"))
    yield "\nOne command\n"
    yield from one_command(found)
    yield "\nFeature stores\n"
    yield from stores()


def one_command(found: dict[str, Any]) -> Iterator[str]:
    """What one driver needs for its list, whatever the workers do."""
    driver, by_task = found["driver"], jobs(found)["default"].files_per_task
    of_a_video = {
        "memory for the list, GB": driver["source_bytes"] / 1e9,
        "memory for the names that are done, GB": driver["resume"]["row_bytes"] / 1e9,
        "to make the list, core min": driver["list_seconds"] / 60,
        "to read what is done when it goes on, core min": driver["resume"]["row_seconds"] / 60,
        "to write the rows, core min": driver["resume"]["add_seconds"] / 60,
        "parts of 512 rows": 1 / PART_ROWS,
        "tasks of 1 file (FASTER16), hours": driver["task_seconds"] / 3600,
        f"tasks of {by_task} files (`default`), hours": driver["task_seconds"] / by_task / 3600,
        "GETs at 5,500 a second (one prefix), hours": 1 / GETS_PER_SECOND_OF_A_PREFIX / 3600,
    }
    yield "| | 1 M | 1 B |"
    yield "|---|---|---|"
    for words, amount in of_a_video.items():
        yield f"| {words} | {digits(1e6 * amount)} | {digits(1e9 * amount)} |"


STORES = {
    "`faster16`, 2 views and test": (VIEWS, 16, 2048 * 2 * 7 * 7),
    "`faster16`, test alone": (1, 16, 2048 * 2 * 7 * 7),
    "`faster16`, test alone, 8 of 16 clips": (1, 8, 2048 * 2 * 7 * 7),
    "`tiny`, 2 views and test": (VIEWS, 8, 512 * 4 * 4),
    "`motion`, 2 views and test": (VIEWS, 8, 384 * 2 * 2),
    "vectors of 2048 instead of maps (features of another model)": (1, 16, 2048),
}
"""Views, clips, values of a map (docs/features.md, "How much disk")."""


def stores() -> Iterator[str]:
    """How large they get, and what keeping them costs."""
    yield "| store | MB of a video | TB, 1 M | PB, 1 B | $ a month, 1 B |"
    yield "|---|---|---|---|---|"
    for name, (views, clips, values) in STORES.items():
        size = views * clips * values * BYTES_PER_VALUE
        dollars = size * 1e9 / 1e9 * DOLLARS_PER_GB_MONTH
        yield f"| {name} | {digits(size / 1e6)} | {digits(size / 1e6)} | {digits(size / 1e6)} | {dollars:,.0f} |"


def constants(found: dict[str, Any]) -> Iterator[str]:
    """What was measured of a video: mean, median and 95th percentile."""
    yield "| of a video | mean | median | 95 % below |"
    yield "|---|---|---|---|"
    kinds = {"short": "1 to 6 s, as they are", "ten": "10 s", "hundred": "100 s", "made_up": "made up, 40 s of 128 px"}
    for kind, words in kinds.items():
        yield spread(f"kB on disk, {words}", [size / 1e3 for size, _ in found["videos"][kind]])
        for name in ("default", "faster16"):
            yield spread(f"core ms, decoding for `{name}`, {words}", [1000 * s for s in found["decoding"][kind][name]])
    for name in ("default", "motion"):
        yield spread(f"core ms, networks of `{name}`", [1000 * s for s in found["networks"][name]])
    for name, of_clips in found["clips"].items():
        for clip in ("expensive", "cheap"):
            both = zip(of_clips[clip], of_clips[f"after {clip}"], strict=True)
            yield spread(f"core ms, {clip} clip of `{name}`", [1000 * (network + after) for network, after in both])


def spread(name: str, values: list[float]) -> str:
    """A row of the table of constants."""
    ranked = sorted(values)
    shown = (mean(values), ranked[len(ranked) // 2], ranked[int(0.95 * (len(ranked) - 1))])
    return f"| {name} | {' | '.join(digits(value) for value in shown)} |"


def digits(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(
    found: dict[str, Any], kind: str, videos: float, hours: float, task: float, names: tuple[str, ...] = ()
) -> Iterator[str]:
    """What every job needs on every machine."""
    yield "| | machine | machines | drivers | hours | $ | limit | TB in | TB out |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, job in jobs(found, kind).items():
        if names and name not in names:
            continue
        for machine in MACHINES:
            for way in ways(job, machine):
                need = needed(way, machine, videos, hours, task)
                amounts = (videos * size / 1e6 for size in (way.megabytes_in, way.megabytes_out))
                drivers = "–" if name == "stage2" else str(need.drivers)
                yield (
                    f"| {way.name} | {machine.name} | {need.machines:,} | {drivers} | {need.hours:.1f} | "
                    f"{need.dollars:,.0f} | {need.limit} | {' | '.join(digits(amount) for amount in amounts)} |"
                )


def ways(job: Job, machine: Machine) -> list[Job]:
    """The job as it is; on GPUs also with larger tasks, and reworked: decoding in processes, many fetched ahead."""
    if not machine.gpus or not job.process_seconds:
        return [job]
    larger = replace(job, name=f"{job.name}; tasks of {GPU_FILES}", files_per_task=GPU_FILES)
    reworked = replace(larger, name=f"{job.name}; reworked", process_seconds=0.0, fetches=GPU_FETCHES)
    return [job, larger, reworked] if job.files_per_task == 1 else [job, reworked]


def ceilings(found: dict[str, Any]) -> Iterator[str]:
    """Videos a second of every part of every machine."""
    yield "| | machine | network | fetching | cores or decoding | process | GPU | $ for 1 M at the limit |"
    yield "|---|---|---|---|---|---|---|---|"
    for job, machine in product(jobs(found).values(), MACHINES):
        for way in ways(job, machine):
            rates = parts(way, machine)
            cores = rates.get("cores", rates.get("decoding"))
            shown = (rates["network"], rates["fetching"], cores, rates.get("process"), rates.get("GPU"))
            dollars = 1e6 / limit_of(way, machine)[1] / 3600 * machine.dollars_per_hour
            cells = " | ".join("–" if rate is None else digits(rate) for rate in shown)
            yield f"| {way.name} | {machine.name} | {cells} | {dollars:,.0f} |"


def drawn(found: dict[str, Any], job: Job, machine: Machine, count: int, kind: str = "ten") -> list[Video]:
    """Videos from the samples: bytes and decoding of the same file, networks of any; the job's means are kept."""
    chosen = random.Random(1)
    name = "default" if "default" in job.name else "faster16"
    files = list(zip(found["videos"][kind], found["decoding"][kind][name], strict=True))
    usual, noise = mean(found["decoding"][kind][name]), found["networks"]["default"]
    cores = machine.cores / machine.workers
    videos = []
    for _ in range(count):
        (size, _seconds), decoding = chosen.choice(files)
        decode = decoding / usual * job.decode_seconds
        network = chosen.choice(noise) / mean(noise) * job.network_seconds
        if machine.gpus:
            compute = max((job.gpu_seconds or 0.0) * machine.times_h200, process_seconds(job, machine))
            aside = 0.0 if job.files_per_task == 1 else decode / cores  # else it is in what one file takes
            videos.append(Video(size / 1e6, aside, compute))
        else:
            videos.append(Video(size / 1e6, 0.0, (decode + network) / cores))
    return videos


def setup_of(job: Job, machine: Machine, machines: int, task: float) -> Setup:
    """The cluster to be simulated; a machine that dies takes all its workers along, which here die one by one."""
    return Setup(
        workers=machines * machine.workers,
        files_per_task=job.files_per_task,
        task_seconds=task,
        link_megabytes_per_second=machines * machine.gbit * 125,
        latency_seconds=LATENCY_SECONDS / job.fetches,
        start_seconds=CLUSTER_START_SECONDS,
        failures_per_hour=FAILURES_PER_MACHINE_HOUR,
        straggler_share=STRAGGLER_SHARE,
        straggler_slowdown=STRAGGLER_SLOWDOWN,
    )


def simulated(found: dict[str, Any], count: int) -> Iterator[str]:
    """Four times the machines of the plan for a million, simulated beside the closed form, on a slice of the videos."""
    task = found["driver"]["task_seconds"]
    yield f"{count} videos; {STRAGGLER_SHARE:.0%} of the workers take {STRAGGLER_SLOWDOWN:g} times as long"
    yield "| | machine | machines | formula, s | simulated, s | ratio | of it tail, s | if all die hourly, s | deaths |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for job, machine in product(list(jobs(found).values())[:2], MACHINES):
        for way in ways(job, machine):
            machines = 4 * needed(way, machine, 1e6, 24.0, task).machines
            formula = seconds(way, machine, machines, count, task)
            setup = setup_of(way, machine, machines, task)
            videos = drawn(found, way, machine, count)
            usual = simulate(setup, videos)
            hourly = simulate(replace(setup, failures_per_hour=1.0), videos)
            assert set(usual.done) == set(hourly.done) == {1}
            yield (
                f"| {way.name} | {machine.name} | {machines} | {formula:,.0f} | {usual.seconds:,.0f} | "
                f"{usual.seconds / formula:.2f} | {usual.seconds - usual.first_idle_seconds:,.0f} | "
                f"{hourly.seconds:,.0f} | {hourly.failures} |"
            )


def draw(found: dict[str, Any], path: Path) -> None:
    """Hours for a million videos against machines: straight until one driver cannot give out tasks any faster."""
    import matplotlib.pyplot as plt

    task = found["driver"]["task_seconds"]
    figure, axes = plt.subplots(figsize=(7, 4.4))
    machine = MACHINES[0]
    for job, colour in zip(list(jobs(found).values())[:2], ("tab:blue", "tab:orange"), strict=True):
        name = job.name.replace("`", "").removeprefix("classify, ")
        for drivers, style in ((1, "-"), (8, ":")):
            hours = [seconds(job, machine, machines, 1e6, task, drivers) / 3600 for machines in PICTURED]
            words = "driver" if drivers == 1 else "drivers, each with a list of its own"
            axes.plot(PICTURED, hours, style, color=colour, label=f"{name}, {drivers} {words}")
        some = [machines for machines in PICTURED if machines <= 50]
        rates = []
        for machines in some:
            videos = drawn(found, job, machine, max(20_000, 150 * machines * machine.workers))
            outcome = simulate(setup_of(job, machine, machines, task), videos)
            half = outcome.ends[len(outcome.ends) * 4 // 10 : len(outcome.ends) * 9 // 10]
            rates.append(job.files_per_task * (len(half) - 1) / (half[-1] - half[0]))
        axes.plot(some, [1e6 / rate / 3600 for rate in rates], "o", color=colour, label=f"{name}, simulated rate")
    axes.set(xscale="log", yscale="log", xlabel=f"machines ({machine.name})", ylabel="hours for 1 M ten-second videos")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    os.environ |= {"PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ |= {"RAY_worker_niceness": "0"}  # otherwise other work on the machine would come first
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    main()
