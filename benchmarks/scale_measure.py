"""What a video takes on this machine, sample by sample: bytes, seconds of decoding and of networks, rows, features.

Part of `benchmarks/scale.py`, whose docstring says how it is run. Seconds are those of one core (CPU time, one thread),
so that other work on the machine shows less; where the clock on the wall is meant, the name says so.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import pyarrow.parquet as pq
import torch
from memory import repeat
from peak import rates

from faster_video import load
from faster_video.cluster import connected
from faster_video.cluster.pool import Pool, Task
from faster_video.cluster.share import Share
from faster_video.cluster.worker import task_of
from faster_video.config import ClipConfig, TransformConfig
from faster_video.datasets import read_list
from faster_video.datasets.motion_config import MotionConfig
from faster_video.datasets.motion_set import write_motion_set
from faster_video.features import Extraction, FeatureStore, extract
from faster_video.features.shards import sha256_of, write_shard
from faster_video.inference import Classification, Classifier
from faster_video.inference.decoding import ClipDecoder
from faster_video.predictions.folder import PART_ROWS, PredictionFolder
from faster_video.predictions.rows import row_of, table_of
from faster_video.predictions.sources import local_sources
from faster_video.recipes import get_recipe
from faster_video.speed import random_bundle
from faster_video.video import VideoReader

CPU = torch.device("cpu")
TASKS = (500, 2000)
"""Of nothing, through the pool of a cluster."""
Samples = dict[str, Any]


def measured(real: Path, files: int) -> Samples:
    """All samples, of up to so many real videos of each kind; `real` holds the folders fights and interactions."""
    torch.set_num_threads(1)
    found: Samples = {"machine": rates(1)}
    with tempfile.TemporaryDirectory(prefix="scale-") as place:
        kinds = videos_of(real, Path(place), files)
        found["videos"] = {kind: [about(path) for path in paths] for kind, paths in kinds.items()}
        found["decoding"] = {kind: decoding(paths) for kind, paths in kinds.items()}
        print("decoded", flush=True)
        found["networks"], results = networks(kinds["short"])
        found["clips"] = {name: clip_seconds(name) for name in ("default", "motion", "tiny")}
        found["rows"] = {name: rows(each, Path(place)) for name, each in results.items()}
        print("classified", flush=True)
        found["store"] = store(real, Path(place))
        found["start"] = {name: start_seconds(name) for name in ("motion", "default")}
        found["driver"] = driver(Path(place))
    return found


def videos_of(real: Path, place: Path, files: int) -> dict[str, list[Path]]:
    """Files by kind: real ones as they are, real ones looped to ten seconds and to a hundred, and long made-up ones."""
    chosen = random.Random(0)
    fights = sorted((real / "fights").rglob("*.mp4"))
    shaken = sorted((real / "interactions").rglob("*.avi"))
    short = chosen.sample(fights, min(files, len(fights))) + chosen.sample(shaken, min(files, len(shaken)))
    kinds = {"short": short}
    for kind, seconds, count in (("ten", 10, files), ("hundred", 100, files // 2)):
        (place / kind).mkdir()
        kinds[kind] = [looped(path, place / kind, seconds) for path in short[:count]]
    set_of = MotionConfig(videos=4, kinds=2, size=128, frames=1000, phase_frames=(400, 450))
    write_motion_set(place / "made_up", set_of)
    kinds["made_up"] = sorted((place / "made_up").rglob("*.mp4"))
    return kinds


def looped(path: Path, folder: Path, seconds: float) -> Path:
    """The packets of a real video again and again, for so long at least: its pictures, its bytes a second."""
    with VideoReader(path) as video:
        once = video.info.seconds
    target = folder / f"{path.parent.name}-{path.name}"
    repeat(path, target, -(-int(1000 * seconds) // int(1000 * once)))
    return target


def about(path: Path) -> list[float]:
    """Bytes and seconds of a file."""
    with VideoReader(path) as video:
        return [path.stat().st_size, round(video.info.seconds, 2)]


def decoding(paths: Sequence[Path]) -> dict[str, list[float]]:
    """Core seconds in which each file is read as the clips of each setting."""
    of_settings: dict[str, tuple[ClipConfig, TransformConfig]] = {
        name: (bundle.config.clips, bundle.config.transform)
        for name, bundle in ((name, load(name).bundle) for name in ("default", "motion"))
    }
    recipe = get_recipe("faster16")
    of_settings["faster16"] = recipe.clips, recipe.transform
    found = {}
    for name, (clips, transform) in of_settings.items():
        decoder = ClipDecoder(clips, transform, CPU)

        read(decoder, paths[0])
        found[name] = [core_seconds(partial(read, decoder, path)) for path in paths]
    return found


def read(decoder: ClipDecoder, path: Path) -> None:
    """All clips of a file."""
    for clip in decoder.read(path):
        decoder.give_back(clip)


def core_seconds(work: Callable[[], object]) -> float:
    """Of this process, which runs one thread at a time."""
    began = process_time()
    work()
    return round(process_time() - began, 5)


def networks(paths: Sequence[Path]) -> tuple[dict[str, list[float]], dict[str, list[Classification]]]:
    """Core seconds of everything after decoding, for each file and bundle, and the answers."""
    seconds: dict[str, list[float]] = {}
    results: dict[str, list[Classification]] = {}
    for name in ("default", "motion"):
        classifier = load(name)
        whole = [whole_seconds(classifier, path) for path in (paths[0], *paths)][1:]
        alone = [core_seconds(partial(read, classifier.decoder, path)) for path in paths]
        seconds[name] = [
            round(max(0.0, all_of_it - some), 5) for (all_of_it, _), some in zip(whole, alone, strict=True)
        ]
        results[name] = [result for _, result in whole]
    return seconds, results


def whole_seconds(classifier: Classifier, path: Path) -> tuple[float, Classification]:
    """Core seconds of file to label, and the label."""
    began = process_time()
    result = classifier.classify(path)
    return process_time() - began, result


def clip_seconds(name: str, rounds: int = 15) -> dict[str, list[float]]:
    """Core seconds of one clip through the expensive network, the cheap one, and what comes after them."""
    bundle = load(name).bundle if name in ("default", "motion") else random_bundle(get_recipe(name))
    classifier = Classifier(bundle, "cpu")
    clips, side = bundle.config.clips, bundle.config.transform.crop_size
    clip = torch.randn(1, 3, clips.frames_per_clip, side, side).contiguous(memory_format=torch.channels_last_3d)
    found: dict[str, list[float]] = {}
    with torch.inference_mode():
        for kind, expensive in (("expensive", True), ("cheap", False)):
            features = classifier.model.features(clip, expensive=expensive)
            _, state = classifier.model.fold(features, None, expensive=expensive)
            ways: dict[str, Callable[[], object]] = {
                kind: partial(classifier.model.features, clip, expensive=expensive),
                f"after {kind}": partial(classifier.model.fold, features, state, expensive=expensive),
            }
            for way, work in ways.items():
                found[way] = [core_seconds(work) for _ in range(rounds + 2)][2:]
    return found


def rows(results: Sequence[Classification], place: Path) -> dict[str, float]:
    """Bytes of a row of predictions: Parquet as it is written in parts, and a line of JSON."""
    path = place / "rows.parquet"
    table = table_of(row_of(f"s3://a-bucket/videos/{random.randbytes(8).hex()}.mp4", result, 5) for result in results)
    pq.write_table(table, str(path), compression="zstd")
    lines = [len(json.dumps(result.as_dict(5)).encode()) + 1 for result in results]
    return {"parquet": path.stat().st_size / len(results), "jsonl": sum(lines) / len(lines)}


def store(real: Path, place: Path) -> dict[str, Any]:
    """Bytes of a feature store beside what its settings promise, and core seconds to write and read a gigabyte."""
    data = read_list(real / "interactions" / "test.csv")
    extract(Extraction(bundle=load("motion").bundle, data=data, out=place / "store", views=1, workers=0))
    opened = FeatureStore(place / "store")
    files = sum(path.stat().st_size for path in (place / "store").rglob("*") if path.is_file())
    maps = {"expensive": torch.randn(80, 4, 7, 7, 2048).half()}  # 64 MB
    (place / "speed" / "shards").mkdir(parents=True)
    size = maps["expensive"].numel() * 2 / 1e9
    shard = place / "speed" / "shards" / "00000.safetensors"

    def write() -> None:
        write_shard(place / "speed", 0, maps, views=[], unreadable=[], missing=[])

    return {
        "bytes": files / len(data.videos),
        "bytes_promised": opened.config.video_bytes,
        "write_seconds_per_gb": [round(core_seconds(write) / size, 3) for _ in range(5)],
        "check_seconds_per_gb": [round(core_seconds(lambda: sha256_of(shard)) / size, 3) for _ in range(5)],
        "read_seconds": [core_seconds(partial(add_up, opened, number)) for number in range(len(data.videos))],
    }


def add_up(store: FeatureStore, number: int) -> None:
    """Look at every value of a view."""
    for maps in store.features(number):
        maps.sum()


def start_seconds(name: str) -> list[float]:
    """On the wall: a process until it has a classifier, three times."""
    command = [sys.executable, "-c", f"from faster_video import load; load({name!r})"]
    return [round(wall_seconds(lambda: subprocess.run(command, check=True)), 3) for _ in range(3)]


def wall_seconds(work: Callable[[], object]) -> float:
    """On the clock on the wall."""
    began = perf_counter()
    work()
    return perf_counter() - began


class Nothing:
    """A worker whose tasks are nothing."""

    def __init__(self, shared: list[Any], foreman: Any, share: Share) -> None:
        """As every worker of a pool is made."""

    def __call__(self, tasks: Any) -> Any:
        """What came."""
        return tasks


def driver(place: Path) -> dict[str, Any]:
    """What one command takes for every task, source and row, whatever the workers do.

    Of a task, `task_seconds` are core seconds of the command's process, which does one thing at a time; on the wall,
    cores that others use show.
    """
    names = [Path(f"/videos/{number % 997:03d}/{number:012d}-abcdefghijkl.mp4") for number in range(100_000)]
    tracemalloc.start()
    sources = local_sources(names)
    source_bytes = tracemalloc.get_traced_memory()[0] / len(sources)
    tracemalloc.stop()
    tasks = [task_of(range(first, first + 16), sources[first : first + 16]) for first in range(0, 16 * TASKS[-1], 16)]
    on_wall, of_cores = {}, {}
    with connected("local"):
        pool = Pool(Nothing, None, Share(workers=2, cores=1, gpus=0, device="cpu"))
        for count in (2, *TASKS):
            began = process_time()
            on_wall[count] = round(wall_seconds(partial(consumed, pool, tasks[:count])), 3)
            of_cores[count] = round(process_time() - began, 3)
    more = TASKS[1] - TASKS[0]
    return {
        "pool_wall_seconds": on_wall,
        "pool_core_seconds": of_cores,
        "task_wall_seconds": (on_wall[TASKS[1]] - on_wall[TASKS[0]]) / more,
        "task_seconds": (of_cores[TASKS[1]] - of_cores[TASKS[0]]) / more,
        "load": os.getloadavg()[0],
        "source_bytes": source_bytes,
        "list_seconds": core_seconds(lambda: local_sources(names)) / len(names),
        "resume": resume(place),
    }


def consumed(pool: Pool, tasks: Sequence[Task]) -> None:
    """All results of a pool."""
    assert sum(1 for _ in pool.results(tasks)) == len(tasks)


def resume(place: Path, parts: int = 200) -> dict[str, float]:
    """Core seconds, on this disk, and bytes for every row that is done already; and seconds to add one."""
    folder = place / "done"
    with PredictionFolder.opened(folder, {}) as opened:
        made = list(_parts(parts))
        adding = core_seconds(lambda: deque(map(opened.add, made)))
    tracemalloc.start()
    again = PredictionFolder(folder)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    reading = median(core_seconds(lambda: PredictionFolder(folder)) for _ in range(3))
    count = parts * PART_ROWS
    assert len(again.done) == count
    return {"row_seconds": reading / count, "row_bytes": kept / count, "add_seconds": adding / count}


def _parts(parts: int) -> Iterator[Any]:
    clip = {"start_seconds": 0.0, "end_seconds": 1.0, "expensive": True, "label": "a", "probability": 0.5, "gmacs": 1.0}
    answer = {"error": None, "label": "a", "probability": 0.5, "labels": ["a"] * 5, "probabilities": [0.1] * 5}
    for part in range(parts):
        names = (f"/videos/{part:06d}/{row:012d}-abcdefghijkl.mp4" for row in range(PART_ROWS))
        yield table_of({"path": name, "clips": [clip] * 8, **answer} for name in names)
