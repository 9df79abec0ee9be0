"""The closed-form cost model: what a video takes, what a machine gives, and so hours, machines and dollars.

Part of `benchmarks/scale.py`, whose docstring says how it is run. Measured numbers come from
`results/scale_samples.json` (`scale.py measure`) and from outputs of other benchmarks, which are read here; what no
run here has shown is a named assumption.

    rate of a machine  r = min over its parts of (what the part gives) / (what a video takes of it)
    rate of a cluster  R = min(N·r, D·F / task seconds)       N machines, D drivers, F files per task
    seconds            T = start + V / (R·(1 − lost))
    lost               failures per worker and second × (start + half a task)
"""

import json
import re
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Any

from faster_video.bundle import load_bundle
from faster_video.cost import video_cost
from faster_video.features.layout import BYTES_PER_VALUE
from faster_video.packaged import bundle_place
from faster_video.recipes import get_recipe

RESULTS = Path(__file__).parent / "results"
SAMPLES = RESULTS / "scale_samples.json"
TASK_GMACS, TASK_FILES = 100.0, 16
"""As of `faster_video.cluster.predict`; a test compares them."""
CORES_PER_VCPU = 0.5
"""Assumption: a vCPU of the machines below is half a core, and such a core does what one here does."""
FAILURES_PER_MACHINE_HOUR = 419 / (54 * 24 * 16384 / 8)
"""Assumption: as the machines of 8 GPUs on which Llama 3 was trained (arXiv:2407.21783, section 3.3.4)."""
DOLLARS_PER_GET, DOLLARS_PER_GB_MONTH = 0.4e-6, 0.023
"""Assumption: S3 Standard, us-east-1."""
GETS_PER_SECOND_OF_A_PREFIX = 5500
"""Assumption: S3's user guide, "Best practices design patterns"."""
LATENCY_SECONDS = 0.1
"""Assumption: until an object comes; a worker waits for the first of a task, the others come while it computes."""
CLUSTER_START_SECONDS = 14.0
"""docs/cluster.md: 3 s without a cluster and 11 s more; machines that are not there yet take minutes besides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What can be rented; every number is public, none was tried."""

    name: str
    vcpus: int
    gbit: float
    dollars_per_hour: float
    gpus: int = 0
    gpu: str = ""
    times_h200: float = 1.0
    """A video's time on this GPU in times of that on an H200: the ratio of their memories' bandwidths."""

    @property
    def cores(self) -> float:
        """In cores as the one that was measured here."""
        return self.vcpus * CORES_PER_VCPU

    @property
    def workers(self) -> int:
        """As `faster_video.cluster` has them: one for each GPU, or for each core."""
        return self.gpus or int(self.cores)


MACHINES = (
    Machine(name="c7i.24xlarge", vcpus=96, gbit=37.5, dollars_per_hour=4.284),
    Machine(name="g6.xlarge", vcpus=4, gbit=2.5, dollars_per_hour=0.8048, gpus=1, gpu="L4", times_h200=4800 / 300),
    Machine(name="p5en.48xlarge", vcpus=192, gbit=100, dollars_per_hour=63.296, gpus=8, gpu="H200"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What one video takes, on average."""

    name: str
    megabytes_in: float
    megabytes_out: float
    decode_seconds: float
    """Of a core."""
    network_seconds: float
    """Of a core, where there is no GPU."""
    gpu_seconds: float | None
    """Of an H200; None: not measured."""
    process_seconds: float = 0.0
    """Of one process that feeds a GPU, whatever is behind it; 0 where decoding is in processes of its own."""
    one_by_one_seconds: float = 0.0
    """The same where a task is one file, so that nothing is decoded ahead."""
    files_per_task: int = 1
    fetches: int = 1
    """Files that a worker fetches at once; 1 is `faster_video.predictions.run.FETCHED_AHEAD`."""

    @property
    def core_seconds(self) -> float:
        """Of a worker without a GPU, with what it waits for the first file of a task."""
        return self.decode_seconds + self.network_seconds + LATENCY_SECONDS / self.files_per_task


@dataclass(frozen=True, slots=True)
class Need:
    """What so many videos need on so many machines."""

    machines: int
    drivers: int
    hours: float
    dollars: float
    limit: str
    """The part that a faster one of would help."""


def parts(job: Job, machine: Machine) -> dict[str, float]:
    """Videos a second that each part of one machine can do."""
    link = machine.gbit * 1000 / 8
    found = {
        "network": link / max(job.megabytes_in, job.megabytes_out),
        "fetching": machine.workers * job.fetches / LATENCY_SECONDS,
    }
    if not machine.gpus:
        return found | {"cores": machine.cores / job.core_seconds}
    if job.gpu_seconds is None:
        raise ValueError(f"{job.name} was never measured on a GPU")
    found["GPU"] = machine.gpus / (job.gpu_seconds * machine.times_h200)
    if job.decode_seconds:
        found["decoding"] = machine.cores / job.decode_seconds
    if process := process_seconds(job, machine):
        found["process"] = machine.gpus / (process + LATENCY_SECONDS / job.files_per_task)
    return found


def process_seconds(job: Job, machine: Machine) -> float:
    """Of a process that feeds a GPU of this machine; where nothing is done ahead, a slower GPU is waited for."""
    if job.files_per_task > 1 or not job.one_by_one_seconds:
        return job.process_seconds
    return job.one_by_one_seconds + (machine.times_h200 - 1) * (job.gpu_seconds or 0.0)


def limit_of(job: Job, machine: Machine) -> tuple[str, float]:
    """The slowest part of a machine, and its videos a second."""
    return min(parts(job, machine).items(), key=lambda part: part[1])


def seconds(job: Job, machine: Machine, machines: int, videos: float, task_seconds: float, drivers: int = 1) -> float:
    """Of the whole work."""
    rate = limit_of(job, machine)[1]
    of_driver = drivers * job.files_per_task / task_seconds
    task = job.files_per_task * machine.workers / rate  # seconds of a worker
    lost = FAILURES_PER_MACHINE_HOUR / 3600 * (CLUSTER_START_SECONDS + task / 2)
    return CLUSTER_START_SECONDS + videos / (min(machines * rate, of_driver) * (1 - lost))


def needed(job: Job, machine: Machine, videos: float, hours: float, task_seconds: float) -> Need:
    """Machines and drivers with which it takes so many hours at most."""
    limit, rate = limit_of(job, machine)
    wanted = videos / (3600 * hours - CLUSTER_START_SECONDS)
    drivers = ceil(wanted * task_seconds / job.files_per_task)
    machines = ceil(wanted / rate)
    while (taken := seconds(job, machine, machines, videos, task_seconds, drivers)) > 3600 * hours:
        machines += 1
        drivers = max(drivers, ceil(machines * rate * task_seconds / job.files_per_task))
    dollars = machines * machine.dollars_per_hour * taken / 3600 + videos * DOLLARS_PER_GET
    return Need(machines, drivers, taken / 3600, dollars, limit)


def makespan(workers: int, tasks: int, files: int, *, compute: float, task: float = 0.0, link: float = 0.0) -> float:
    """Seconds of equal videos through the simulated cluster, exact where one part is the limit and the others nothing.

    `compute` and `link` are of a video, `task` of the driver for a task.
    """
    by_workers = ceil(tasks / workers) * files * compute
    return max(by_workers, tasks * task + files * compute, tasks * files * link + compute)


def samples() -> dict[str, Any]:
    """What `scale.py measure` has written."""
    found: dict[str, Any] = json.loads(SAMPLES.read_text("utf-8"))
    return found


def told(file: str, pattern: str) -> float:
    """A number in the output of another benchmark."""
    found = re.search(pattern, (RESULTS / file).read_text("utf-8"))
    assert found, f"{file} has no {pattern}"
    return float(found[1])


def faster16_seconds() -> dict[str, float]:
    """Of a ten-second video: core seconds, seconds on an H200, and of a process that feeds it.

    Learning is stage 2's, from the store; with gradients FAST-GRU takes three times as long as without.
    """
    return {
        "learning_cores": told("feature_store.txt", FASTER16_EPOCH) / 3,
        "gru_gpu": performance(r"of 7\.6 ms, FAST-GRU in full float32 has (\d+\.\d+)") / 1000,
        "cores": 2 * told("pipeline.txt", r"networks +([\d.]+) s"),
        "gpu": told("gpu.txt", r"faster16  graph    float32        1:7 +([\d.]+) ms") / 1000,
        "gpu_bf16": told("gpu.txt", r"faster16  graph    bf16           1:7 +([\d.]+) ms") / 1000,
        "one_by_one": 1 / told("gpu.txt", r"files, faster16, 1:7, float32: .* one after the other ([\d.]+)"),
        "process": 1 / told("gpu.txt", r"files, faster16, 1:7, float32: ([\d.]+) videos/s"),
    }


FASTER16_EPOCH = r"(?s:.*)faster16 with fast_gru on 3 videos(?:.*\n){6}CPU seconds.*store (?:[\d.]+, )+([\d.]+)"
"""Core seconds of an epoch of 3 videos, one view each; the last of several runs."""
DEFAULT_ON_GPU = r"the networks have a video of 8 clips for ([\d.]+) ms"


def performance(pattern: str) -> float:
    """A number of docs/performance.md, "On a GPU"."""
    return told("../../docs/performance.md", pattern)


def view_megabytes() -> float:
    """Of the maps of FASTER16, one view: 16 clips of 2048 × 2×7×7 float16."""
    clips = get_recipe("faster16").clips.num_clips
    return clips * 2048 * 2 * 7 * 7 * BYTES_PER_VALUE / 1e6


def files_per_task(gmacs: float) -> int:
    """Of a long list, as the cluster makes tasks."""
    return max(1, min(TASK_FILES, int(TASK_GMACS / gmacs)))


def gmacs_of(name: str) -> float:
    """Of a video: of a bundle that comes with the package, or of a recipe."""
    if name not in ("default", "motion"):
        recipe = get_recipe(name)
        return video_cost(recipe.model, recipe.clips, recipe.transform.crop_size, 400).gmacs
    config = load_bundle(bundle_place(name)).config
    return video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels)).gmacs


VIEWS = 3
"""Of an extraction with --views 2: two random ones and the test view."""


def jobs(found: dict[str, Any], kind: str = "ten") -> dict[str, Job]:
    """The work that is planned for videos of this kind, by name."""
    megabytes = mean(size for size, _ in found["videos"][kind]) / 1e6
    decoding = {name: mean(of_files) for name, of_files in found["decoding"][kind].items()}
    full, view = faster16_seconds(), view_megabytes()
    classify = Job(
        name="classify, FASTER16 1:7",
        megabytes_in=megabytes,
        megabytes_out=found["rows"]["default"]["parquet"] / 1e6,
        decode_seconds=decoding["faster16"],
        network_seconds=full["cores"],
        gpu_seconds=full["gpu"],
        process_seconds=full["process"],
        one_by_one_seconds=full["one_by_one"],
        files_per_task=files_per_task(gmacs_of("faster16")),
    )
    default = replace(
        classify,
        name="classify, `default`",
        decode_seconds=decoding["default"],
        network_seconds=mean(found["networks"]["default"]),
        gpu_seconds=performance(DEFAULT_ON_GPU) / 1000,
        files_per_task=files_per_task(gmacs_of("default")),
    )
    share = (230.2 - 21.6) / 230.2
    extract = replace(
        classify,
        name="extract, FASTER16, 2 views and test",
        megabytes_out=VIEWS * view,
        decode_seconds=VIEWS * decoding["faster16"],
        network_seconds=VIEWS * share * full["cores"],
        gpu_seconds=VIEWS * share * full["gpu"],
        process_seconds=0.0,
        one_by_one_seconds=0.0,
        files_per_task=max(1, int(256 * 2**20 / (VIEWS * view * 1e6))),
        fetches=8,  # as many processes decode
    )
    learn = replace(
        classify,
        name="stage 2 from the store, an epoch",
        megabytes_in=view,
        megabytes_out=0.0,
        decode_seconds=0.0,
        network_seconds=full["learning_cores"],
        gpu_seconds=3 * full["gru_gpu"],
        process_seconds=0.0,
        one_by_one_seconds=0.0,
        files_per_task=1000,
        fetches=1000,
    )
    return {"classify16": classify, "default": default, "extract16": extract, "stage2": learn}
