"""A folder of made-up motion videos as real MP4 files, with its train and test lists."""

import csv
import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from faster_video.children import ctrl_c_ignored
from faster_video.datasets.motion import JOINTS, label_name, render
from faster_video.datasets.motion_config import CODECS, MOTIONS, SWINGS, MotionConfig
from faster_video.errors import DataError
from faster_video.files import printable
from faster_video.video import write_video

SETTINGS = "motion.json"
"""Written last: a folder without it holds an unfinished set."""
LISTS = {"train.csv": False, "test.csv": True}
"""Each list's name, and whether it is the test videos'."""


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One video of the set before it is drawn."""

    number: int
    motions: tuple[str, ...]
    label: str
    is_test: bool

    @property
    def path(self) -> str:
        """Where it lies in the set's folder."""
        return f"{self.label}/{self.number:05d}.mp4"


def plan_motion_set(config: MotionConfig) -> list[PlannedVideo]:
    """Every video of the set: the labels take turns, and the last ones of each label are its test videos."""
    labels = [(motions, label_name(motions, ordered=config.ordered)) for motions in config.labels]
    rounds = -(-config.videos // len(labels))
    first_test_round = min(max(1, round(rounds * (1 - config.test_share))), rounds - 1)
    return [
        PlannedVideo(number, *labels[number % len(labels)], is_test=number // len(labels) >= first_test_round)
        for number in range(config.videos)
    ]


def write_motion_set(
    folder: str | Path, config: MotionConfig, *, workers: int = 0, show: Callable[[int], None] | None = None
) -> None:
    """Write the set into an empty or new `folder`: MP4 files by label, `train.csv`, `test.csv` and `motion.json`.

    Each video depends on the seed and its number only, so the same settings give the same files, in whatever number of
    worker processes (0: in this one). `show` is called with 1 after each video.

    Raises:
        DataError: `folder` is not empty or cannot be written, or a worker was killed.
    """
    out = Path(folder)
    videos = plan_motion_set(config)
    try:
        _require_new(out)
        for label in dict.fromkeys(video.label for video in videos):
            (out / label).mkdir(parents=True)
        _write_videos(videos, partial(_write_one, out, config), workers, show or (lambda _: None))
        for name, is_test in LISTS.items():
            _write_list(out / name, [video for video in videos if video.is_test == is_test])
        (out / SETTINGS).write_text(json.dumps(asdict(config), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise DataError(f"{printable(out)}: cannot write the videos there: {error.strerror or error}") from error
    except BrokenProcessPool as error:
        raise DataError(
            f"{printable(out)}: a process that wrote videos was killed, perhaps for want of memory; delete the folder "
            "and try again with fewer --workers"
        ) from error


def _require_new(out: Path) -> None:
    """Refuse a folder with something in it; the set that an interrupted run began is called that."""
    if not out.exists():
        return
    names = [entry.name for entry in out.iterdir()] if out.is_dir() else [""]
    if names and SETTINGS not in names and all(map(_belongs_to_a_set, names)):
        raise DataError(f"{printable(out)}: holds an unfinished set; delete it, or choose a new folder")
    if names:
        raise DataError(f"{printable(out)}: is there already and not an empty folder; choose a new one")


def _belongs_to_a_set(name: str) -> bool:
    return name in LISTS or any(set(name.split(joint)) <= {*MOTIONS, *SWINGS} for joint in JOINTS.values())


def _write_videos(
    videos: list[PlannedVideo],
    write: Callable[[PlannedVideo], None],
    workers: int,
    show: Callable[[int], None],
) -> None:
    if not workers:
        for video in videos:
            write(video)
            show(1)
        return
    # spawn: a fork of a process whose PyTorch has running threads can hang.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_one_thread)
    others = set(multiprocessing.active_children())
    try:
        with ctrl_c_ignored():
            written = [pool.submit(write, video) for video in videos]
        for done in as_completed(written):
            done.result()
            show(1)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown()


def _one_thread() -> None:
    """The processes share the cores; threads of each would only get in each other's way."""
    torch.set_num_threads(1)


def _write_one(out: Path, config: MotionConfig, video: PlannedVideo) -> None:
    frames = render(video.motions, config, np.random.default_rng([config.seed, video.number]))
    distance = _keyframe_distance(config.frames_per_move)
    # Scene cuts, where x264 sees shapes come and go, put keyframes out of step with the shares. With two moves only one
    # to three videos in a hundred have any: there they stay, so that sets of earlier versions can be made again.
    write_video(
        out / video.path,
        frames,
        config.fps,
        codec=CODECS[config.codec],
        crf=18 if config.codec == "h264" else None,
        keyframe_every=distance,
        scene_cuts=config.num_moves <= 2,
    )


def _keyframe_distance(share: int) -> int:
    """Frames from one keyframe to the next: close ones are quick to jump to, but they must not tell the label.

    A picture can be told by its quality to lie just after a keyframe. So their distance divides a move's share: each
    share has keyframes at its start and at the same places as all others, and compression cannot tell the first from
    the last. (In an unordered set even that would tell nothing, as every share shows every motion equally often.)
    It is the largest divisor up to 32; where there is none from 8 up, the share itself, since ever more keyframes would
    cost more than they save.
    """
    return next((distance for distance in range(32, 7, -1) if share % distance == 0), share)


def _write_list(path: Path, videos: list[PlannedVideo]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label"))
        writer.writerows((video.path, video.label) for video in videos)
