"""Made-up motion videos: what is called `left` goes left on the screen, and no clip tells which motion came first.

Repeats, distractions and unordered sets have their tests in `test_motion_moves.py`.

Shapes: T frames of a video, S side of a frame in pixels.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupts import HEARS_CTRL_C
from numpy.typing import NDArray
from torch.nn import functional

from faster_video.datasets import read_list
from faster_video.datasets.motion import _background, label_name, move_spans, render
from faster_video.datasets.motion_config import MOTIONS, MotionConfig
from faster_video.datasets.motion_set import plan_motion_set, write_motion_set
from faster_video.errors import DataError
from faster_video.video import VideoReader, probe

Pixels = NDArray[np.uint8]
SINGLE = MotionConfig(phases=1, videos=12, frames=32, size=144, clutter=0)
"""One motion over a background that slides a little."""
SMALL = MotionConfig(videos=24, size=32, frames=56)
SEEDS = range(6)


def drawn(motion: str, seed: int) -> tuple[Pixels, NDArray[np.bool_]]:
    """The frames [frames, S, S, 3] in which the shape is seen fully, and its pixels there [frames, S, S].

    Its pixels are those that differ from the background that the same seed gives by more than the grain.
    """
    video = render((motion,), SINGLE, np.random.default_rng(seed))
    background = _background(SINGLE, np.random.default_rng(seed)).permute(0, 2, 3, 1).numpy() * 255
    masks = np.abs(video - background).max(axis=-1) > 30
    sizes = masks.sum(axis=(1, 2))
    seen = np.flatnonzero(sizes > 0.6 * sizes.max())[2:-2]  # without fading in and out
    assert len(seen) >= 8
    return video[seen], masks[seen]


def track(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centroid (x, y) of the shape in each frame, in pixels: [frames, 2]."""
    return np.array([[places.mean() for places in np.nonzero(mask)[::-1]] for mask in masks])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "motion, axis, sign", [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)]
)  # y grows downwards
def test_straight_motions_go_where_their_name_says(motion: str, axis: int, sign: int, seed: int) -> None:
    centroids = track(drawn(motion, seed)[1])
    way = centroids[-1] - centroids[0]
    assert sign * way[axis] > 0.1 * SINGLE.size
    assert abs(way[1 - axis]) < 0.25 * abs(way[axis])


def turned(picture: torch.Tensor, degrees_clockwise: float) -> torch.Tensor:
    """[3, S, S] turned about its centre as seen on the screen: at 90 the top comes to the right."""
    angle = np.deg2rad(degrees_clockwise)
    # Where each pixel comes from: the inverse, so turned the other way (x to the right, y down).
    inverse = [[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0]]
    grid = functional.affine_grid(
        torch.tensor([inverse], dtype=torch.float32), [1, *picture.shape], align_corners=False
    )
    return functional.grid_sample(picture[None], grid, align_corners=False)[0]


def test_turned_is_clockwise_on_the_screen() -> None:
    picture = torch.zeros(3, 9, 9)
    picture[:, 0, 4] = 1  # a spot in the middle of the top row
    assert turned(picture, 90)[0].argmax() == 4 * 9 + 8  # is in the middle of the right column


def turn_errors(motion: str, seed: int) -> dict[int, float]:
    """Mean difference of neighbouring frames inside the shape, once the earlier one is turned by these degrees."""
    video, masks = drawn(motion, seed)
    half = 18
    left, top = np.clip(np.rint(track(masks).mean(axis=0)).astype(int), half, SINGLE.size - half) - half
    crops = torch.from_numpy(video).permute(0, 3, 1, 2)[:, :, top : top + 2 * half, left : left + 2 * half].float()
    inside = slice(6, -6)  # of corners that come from outside the crop
    pairs = list(pairwise(crops))
    return {
        degrees: sum(float((turned(a, degrees) - b)[:, inside, inside].abs().mean()) for a, b in pairs) / len(pairs)
        for degrees in (-9, 0, 9)
    }


@pytest.mark.parametrize("motion, degrees", [("clockwise", 9), ("counterclockwise", -9)])
def test_turning_motions_turn_as_their_name_says(motion: str, degrees: int) -> None:
    for seed in range(8):
        errors = turn_errors(motion, seed)
        assert errors[degrees] < 0.8 * errors[0] < 0.8 * errors[-degrees], seed


@pytest.mark.parametrize("motion", ["clockwise", "counterclockwise"])
def test_turning_shapes_stay_where_they_are(motion: str) -> None:
    for seed in SEEDS:
        assert np.ptp(track(drawn(motion, seed)[1]), axis=0).max() < 0.06 * SINGLE.size


def test_one_frame_shows_no_motion() -> None:
    """The shape's place in the middle of a phase says nothing of where it goes."""
    middles = {
        motion: [track(drawn(motion, seed)[1]).mean(axis=0) for seed in range(10)] for motion in ("left", "right")
    }
    left, right = (np.mean(middles[motion], axis=0) for motion in ("left", "right"))
    assert np.abs(left - right).max() < 0.12 * SINGLE.size


@pytest.mark.parametrize("config", [MotionConfig(), SMALL, MotionConfig(phases=3, frames=84, videos=72)])
def test_phases_lie_inside_their_shares_with_pauses_longer_than_a_clip(config: MotionConfig) -> None:
    for seed in range(200):
        spans = move_spans(config, np.random.default_rng(seed))
        assert len(spans) == config.phases
        assert spans[0][0] >= config.pause_frames // 2
        assert config.frames - spans[-1][1] >= config.pause_frames // 2
        for (_, end), (start, _) in pairwise(spans):
            assert start - end >= config.pause_frames  # so no 8 frames in a row show two motions
        for start, end in spans:
            assert config.phase_frames[0] <= end - start <= config.phase_frames[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_on_the_screen_too_no_clip_of_8_frames_shows_two_shapes(seed: int) -> None:
    """Measured on pixels: two stretches with a shape, and at least 8 frames of bare background between them."""
    config = MotionConfig(clutter=0)
    video = render(("left", "up"), config, np.random.default_rng(seed))
    background = _background(config, np.random.default_rng(seed)).permute(0, 2, 3, 1).numpy() * 255
    shown = (np.abs(video - background).max(axis=-1) > 30).mean(axis=(1, 2)) > 0.01  # [T]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], shown.astype(int), [0]))))
    assert len(edges) == 4
    assert edges[2] - edges[1] >= 8
    assert all(14 <= end - start <= 20 for start, end in (edges[:2], edges[2:]))  # the faintest frames may be missed


def test_where_a_clip_meets_a_motion_does_not_tell_whether_it_came_first() -> None:
    """The chances of a phase's place among the clips of 8 frames are the same for every phase: a bag of clips is
    the same for `a-then-b` and `b-then-a`. (Drawn in another way, onsets alone told the order in 95 % of the videos.)
    """
    config, videos = MotionConfig(), 20_000
    generator = np.random.default_rng(0)
    places: Counter[tuple[int, int]] = Counter()
    for _ in range(videos):
        first, second = (start % 8 for start, _ in move_spans(config, generator))
        places[first, second] += 1
    told = sum(abs(count - places[second, first]) for (first, second), count in places.items())
    # Equal chances leave differences of about sqrt(2 · count); unequal ones would make them as large as the counts.
    assert told < 1.5 * sum(np.sqrt(2 * count) for count in places.values()) < 0.25 * videos


@pytest.mark.parametrize("phase", [0, 1])
def test_motions_begin_all_over_the_room_they_have(phase: int) -> None:
    starts = [move_spans(MotionConfig(), np.random.default_rng(seed))[phase][0] for seed in range(500)]
    # 32 frames less 16 to 20 of motion and 8 of pause leave 4 to 8 to choose from.
    assert set(starts) == {32 * phase + 4 + late for late in range(9)}


def test_the_generator_fixes_the_video() -> None:
    first, again = (render(("left", "up"), SMALL, np.random.default_rng(3)) for _ in range(2))
    other = render(("left", "up"), SMALL, np.random.default_rng(4))
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 10
    assert first.shape == (56, 32, 32, 3) and first.dtype == np.uint8


def test_the_order_is_all_that_the_label_changes() -> None:
    """The same draws: backgrounds and shapes are the same, only the motions are exchanged."""
    one, other = (render(motions, SMALL, np.random.default_rng(3)) for motions in (("left", "up"), ("up", "left")))
    assert np.array_equal(one[:4], other[:4])  # before the first motion
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("videos, share", [(400, 0.25), (24, 0.01), (25, 0.99), (97, 0.5)])
def test_train_and_test_share_no_video_and_both_hold_every_label(videos: int, share: float) -> None:
    config = MotionConfig(videos=videos, test_share=share)
    plan = plan_motion_set(config)
    assert len({video.path for video in plan}) == len(plan) == videos
    for is_test in (False, True):
        labels = Counter(video.motions for video in plan if video.is_test == is_test)
        assert set(labels) == set(config.labels)
        assert max(labels.values()) - min(labels.values()) <= 1  # balanced
    assert max(Counter(video.motions for video in plan).values()) <= -(-videos // 12)
    if videos == 400:
        assert 0.2 < sum(video.is_test for video in plan) / videos < 0.3


def test_order_is_balanced_so_that_guessing_the_motions_alone_gives_a_half() -> None:
    plan = plan_motion_set(MotionConfig(videos=240))
    pairs = Counter(frozenset(video.motions) for video in plan)
    assert len(pairs) == len(MOTIONS) and len(set(pairs.values())) == 1
    for motions in {video.motions for video in plan}:
        here = sum(video.motions == motions for video in plan)
        assert here == sum(video.motions == motions[::-1] for video in plan)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("motion") / "set"
    shown: list[int] = []
    write_motion_set(out, SMALL, show=shown.append)
    assert shown == [1] * SMALL.videos
    return out


def test_files_are_the_rendered_frames_within_the_codecs_loss(written: Path) -> None:
    for video in plan_motion_set(SMALL)[:4]:
        path = written / video.path
        frames = render(video.motions, SMALL, np.random.default_rng([SMALL.seed, video.number]))
        with VideoReader(path) as reader:
            decoded = reader.frames(range(56)).data
        assert np.abs(decoded.astype(int) - frames).mean() < 12
        gray, decoded_gray = frames.mean(axis=-1), decoded.mean(axis=-1)  # colours are stored at half the resolution
        assert np.abs(gray - decoded_gray).mean() < 8  # little more than the grain, which the codec smooths away
        assert np.argmin([np.abs(gray[5] - other).mean() for other in decoded_gray]) == 5  # none moved in time
        assert probe(path).fps == 25 and probe(path).num_frames == 56


def test_lists_on_disk_are_the_plan(written: Path) -> None:
    for name, is_test in (("train.csv", False), ("test.csv", True)):
        videos = read_list(written / name).videos
        planned = [video for video in plan_motion_set(SMALL) if video.is_test == is_test]
        assert [(str(video.path.relative_to(written)), video.label) for video in videos] == [
            (video.path, label_name(video.motions)) for video in planned
        ]
        assert all(video.path.is_file() and video.path.parent.name == video.label for video in videos)
    assert json.loads((written / "motion.json").read_text())["seed"] == SMALL.seed
    assert len(read_list(written).videos) == SMALL.videos  # the folder itself is a list too


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_settings_give_the_same_bytes_in_any_number_of_processes(written: Path, tmp_path: Path) -> None:
    write_motion_set(tmp_path / "two", SMALL, workers=2)
    assert content(tmp_path / "two") == content(written)


def test_another_seed_gives_other_videos(written: Path, tmp_path: Path) -> None:
    write_motion_set(tmp_path / "other", MotionConfig(videos=24, size=32, frames=56, seed=1))
    one, other = content(written), content(tmp_path / "other")
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one if name.endswith(".mp4"))


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(DataError) as caught:
            write_motion_set(out, SMALL)
        assert str(caught.value) == f"{out}: is there already and not an empty folder; choose a new one"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["left-then-up", "left", "train.csv"])
def test_what_an_interrupted_run_left_is_called_that(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError) as caught:
        write_motion_set(tmp_path, SMALL)
    assert str(caught.value) == f"{tmp_path}: holds an unfinished set; delete it, or choose a new folder"
    (tmp_path / "motion.json").touch()
    with pytest.raises(DataError, match=r"is there already and not an empty folder; choose a new one"):
        write_motion_set(tmp_path, SMALL)


def killed(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faster_video.datasets.motion_set.partial", lambda *_: killed)
    with pytest.raises(DataError) as caught:
        write_motion_set(tmp_path / "set", SMALL, workers=2)
    assert str(caught.value) == (
        f"{tmp_path / 'set'}: a process that wrote videos was killed, perhaps for want of memory; delete the folder "
        "and try again with fewer --workers"
    )


@pytest.mark.parametrize("begun", ["*-then-*", "*/*.mp4"], ids=["workers start", "workers write"])
def test_ctrl_c_stops_every_process(begun: str, tmp_path: Path) -> None:
    """As a terminal does it: the signal goes to the whole group."""
    words = ["make-motion", str(tmp_path / "set"), *["--videos", "2000", "--size", "128", "--workers", "2"]]
    program = f"{HEARS_CTRL_C}import sys; from faster_video.cli import main; sys.exit(main({words}))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        while process.poll() is None and not list((tmp_path / "set").glob(begun)):
            time.sleep(0.1)
        time.sleep(0.5)  # so that the workers are there
        os.killpg(process.pid, signal.SIGINT)
        try:
            printed, said = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert (process.returncode, printed, said) == (130, b"", b"interrupted\n")
    count = len(list(tmp_path.rglob("*.mp4")))
    time.sleep(1)
    assert len(list(tmp_path.rglob("*.mp4"))) == count < 2000


def test_a_place_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        write_motion_set(tmp_path / "file" / "out", SMALL)
    assert str(caught.value) == f"{tmp_path / 'file' / 'out'}: cannot write the videos there: Not a directory"
