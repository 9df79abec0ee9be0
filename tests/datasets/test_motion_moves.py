"""Made-up videos with repeats, distractions and unordered labels, measured on pixels; and what older sets drew.

Shapes: T frames of a video, S side of a frame in pixels.
"""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from faster_video.datasets import read_list
from faster_video.datasets.motion import _background, label_name, move_spans, render, shown_moves
from faster_video.datasets.motion_config import MOTIONS, MotionConfig
from faster_video.datasets.motion_set import _keyframe_distance, plan_motion_set, write_motion_set
from faster_video.errors import DataError
from faster_video.video import write_video

Masks = NDArray[np.bool_]
STRAIGHT = ("left", "right")
LONG = MotionConfig(videos=30, ordered=False, repeats=2, distractions=1, frames=256, size=48)
BARE = MotionConfig(videos=30, ordered=False, repeats=2, distractions=1, frames=181, size=64, clutter=0)
"""Five shares of 36 frames and one frame left over."""
ONE = MotionConfig(videos=12, phases=1, distractions=1, frames=64, size=96, clutter=0)
THREE = MotionConfig(videos=72, phases=3, frames=84, size=32, clutter=1, seed=9)


def brightness(config: MotionConfig) -> NDArray[np.float64]:
    """Mean pixel of each quarter of frame 20 of the set's first four videos, [4, 4]: processors round some pixels
    otherwise, so that no hash holds on all of them."""
    means = []
    for video in plan_motion_set(config)[:4]:
        frames = render(video.motions, config, np.random.default_rng([config.seed, video.number]))
        half = config.size // 2
        means.append([frames[20, y : y + half, x : x + half].mean() for y in (0, half) for x in (0, half)])
    return np.array(means)


def next_draws(config: MotionConfig) -> list[int]:
    """What the generator of each of them gives after its video."""
    generators = []
    for video in plan_motion_set(config)[:4]:
        generators.append(np.random.default_rng([config.seed, video.number]))
        render(video.motions, config, generators[-1])
    return [int(generator.integers(1_000_000)) for generator in generators]


@pytest.mark.parametrize(
    "config, expected",
    [
        (
            MotionConfig(),
            [
                [129.996, 120.834, 136.984, 129.43],
                [137.403, 120.995, 134.767, 127.069],
                [118.639, 127.725, 128.112, 129.593],
                [122.972, 113.762, 132.259, 120.402],
            ],
        ),
        (
            THREE,
            [
                [126.122, 133.406, 125.332, 131.047],
                [124.094, 128.186, 131.732, 132.035],
                [135.091, 140.853, 124.549, 117.414],
                [125.983, 127.376, 127.076, 125.736],
            ],
        ),
    ],
    ids=["default", "three"],
)
def test_sets_without_the_new_settings_have_the_frames_they_had_before_there_were_any(
    config: MotionConfig, expected: list[list[float]]
) -> None:
    np.testing.assert_allclose(brightness(config), expected, atol=0.02)


@pytest.mark.parametrize(
    "config, expected",
    [(MotionConfig(), [588380, 220115, 509511, 255676]), (THREE, [84816, 844927, 302391, 377643])],
    ids=["default", "three"],
)
def test_sets_without_the_new_settings_draw_as_many_numbers_as_they_did(
    config: MotionConfig, expected: list[int]
) -> None:
    assert next_draws(config) == expected


def seen(motions: tuple[str, ...], config: MotionConfig, seed: int) -> Masks:
    """The pixels [T, S, S] that differ from the bare background of the same seed by more than the grain."""
    video = render(motions, config, np.random.default_rng(seed))
    background = _background(config, np.random.default_rng(seed)).permute(0, 2, 3, 1).numpy() * 255
    return np.asarray(np.abs(video - background).max(axis=-1) > 30)


def stretches(masks: Masks) -> list[Masks]:
    """The runs of frames in which something is seen."""
    shown = masks.mean(axis=(1, 2)) > 0.01  # [T]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], shown.astype(int), [0]))))
    return [masks[start:end] for start, end in edges.reshape(-1, 2)]


def way(stretch: Masks) -> tuple[float, float]:
    """How far (x, y) what is seen goes, in shares of the side, without the frames in which it fades."""
    first, last = ([places.mean() for places in np.nonzero(stretch[frame])[::-1]] for frame in (3, -4))
    x, y = (np.array(last) - first) / stretch.shape[-1]
    return float(x), float(y)


def is_diagonal(stretch: Masks) -> bool:
    """Whether it goes as far across as along, within a third."""
    x, y = map(abs, way(stretch))
    return min(x, y) > 0.05 and max(x, y) < 1.5 * min(x, y)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("config, expected", [(BARE, 5), (ONE, 2)], ids=["repeats", "one"])
def test_a_video_shows_each_motion_as_often_as_it_should_and_its_distractions(
    config: MotionConfig, expected: int, seed: int
) -> None:
    masks = seen(STRAIGHT[: config.phases], config, seed)
    parts = stretches(masks)
    assert len(parts) == expected == config.num_moves
    assert all(14 <= len(part) <= 20 for part in parts)  # the faintest frames may be missed
    assert sum(map(is_diagonal, parts)) == config.distractions
    across = Counter(np.sign(way(part)[0]) for part in parts if not is_diagonal(part))
    assert across == dict.fromkeys([-1, 1][: config.phases], config.repeats)
    assert not masks[config.num_moves * config.frames_per_move :].any()


def test_distractions_go_in_all_four_diagonals_and_come_before_and_after_the_motion() -> None:
    directions, places = Counter[tuple[float, float]](), Counter[int]()
    for seed in range(40):
        parts = stretches(seen(("left",), ONE, seed))
        place = next(place for place, part in enumerate(parts) if is_diagonal(part))
        x, y = way(parts[place])
        directions[np.sign(x), np.sign(y)] += 1
        places[place] += 1
    assert set(directions) == {(x, y) for x in (-1, 1) for y in (-1, 1)} and min(directions.values()) >= 4
    assert min(places[0], places[1]) >= 12


def test_diagonals_are_as_quick_as_straight_motions() -> None:
    lengths: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(30):
        for part in stretches(seen(("left",), ONE, seed)):
            lengths[is_diagonal(part)].append(float(np.hypot(*way(part))) / (len(part) - 7))
    straight, diagonal = (np.mean(lengths[kind]) for kind in (False, True))
    assert abs(diagonal - straight) < 0.1 * straight


def test_unordered_videos_show_both_orders_equally_often_on_the_screen_too() -> None:
    config = MotionConfig(videos=30, ordered=False, size=64, clutter=0)
    first = Counter(np.sign(way(stretches(seen(STRAIGHT, config, seed))[0])[0]) for seed in range(60))
    assert set(first) == {-1, 1} and min(first.values()) >= 20


def test_every_arrangement_of_an_unordered_video_has_the_same_chance() -> None:
    config, videos = MotionConfig(videos=30, ordered=False, repeats=2, frames=112), 6_000
    generator = np.random.default_rng(0)
    arrangements = Counter(tuple(shown_moves(("left", "up"), config, generator)) for _ in range(videos))
    assert len(arrangements) == 6  # of two and two
    assert max(abs(count - videos / 6) for count in arrangements.values()) < 4 * np.sqrt(videos / 6)


def test_ordered_videos_show_all_of_one_motion_before_the_next_and_distractions_anywhere() -> None:
    config = MotionConfig(repeats=2, distractions=2, frames=168)
    generator, places, videos = np.random.default_rng(0), Counter[int](), 3_000
    for _ in range(videos):
        moves = shown_moves(("up", "clockwise"), config, generator)
        assert [move for move in moves if move in MOTIONS] == ["up", "up", "clockwise", "clockwise"]
        places.update(place for place, move in enumerate(moves) if move not in MOTIONS)
    assert set(places) == set(range(6))
    assert max(abs(count - videos / 3) for count in places.values()) < 4 * np.sqrt(videos / 3)


def test_each_repeat_is_another_shape_at_another_place() -> None:
    config = MotionConfig(videos=12, phases=1, repeats=2, frames=64, size=96, clutter=0)
    video = render(("clockwise",), config, np.random.default_rng(0))
    masks = seen(("clockwise",), config, 0)
    spots, colours = [], []
    for start in (0, 32):
        frame = start + int(masks[start : start + 32].sum(axis=(1, 2)).argmax())
        spots.append(np.array([places.mean() for places in np.nonzero(masks[frame])]))
        colours.append(video[frame][masks[frame]].mean(axis=0))
    assert np.abs(spots[0] - spots[1]).max() > 0.1 * config.size
    assert np.abs(colours[0] - colours[1]).max() > 10


ORDERED = MotionConfig(distractions=3, repeats=3, frames=256)
MOST = MotionConfig(
    phases=1, repeats=4, distractions=2, misleading=True, frames=256, phase_frames=(20, 32), pause_frames=2
)


@pytest.mark.parametrize("config", [ORDERED, MotionConfig(frames=141, repeats=2, distractions=1)])
def test_moves_lie_inside_their_shares_and_what_is_left_over_stays_bare(config: MotionConfig) -> None:
    for seed in range(100):
        spans = move_spans(config, np.random.default_rng(seed))
        assert len(spans) == config.num_moves
        assert all(start - end >= config.pause_frames for (_, end), (start, _) in pairwise(spans))
        for share, (start, end) in enumerate(spans):
            first = share * config.frames_per_move + config.pause_frames // 2
            assert first <= start < end <= first + config.frames_per_move - config.pause_frames
            assert config.phase_frames[0] <= end - start <= config.phase_frames[1]


@pytest.mark.parametrize("config", [LONG, BARE, MOST])
def test_where_order_does_not_count_moves_come_when_they_like(config: MotionConfig) -> None:
    shown = np.zeros(config.frames)
    videos = 1000
    for seed in range(videos):
        spans = move_spans(config, np.random.default_rng(seed))
        assert len(spans) == config.num_moves
        assert spans[0][0] >= config.pause_frames // 2
        assert spans[-1][1] <= config.frames - (config.pause_frames - config.pause_frames // 2)
        assert all(start - end >= config.pause_frames for (_, end), (start, _) in pairwise(spans))
        for start, end in spans:
            assert config.phase_frames[0] <= end - start <= config.phase_frames[1]
            shown[start:end] += 1
    if config is MOST:  # no clip of an even grid meets pauses alone, but for the very ends of the video
        inner = shown[16:-16]
        assert inner.min() > 0.6 * inner.mean()


@pytest.fixture(scope="module")
def unordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("motion") / "set"
    write_motion_set(out, LONG)
    return out


def test_an_unordered_set_names_its_folders_and_lists_by_sets_of_motions(unordered: Path) -> None:
    folders = {path.name for path in unordered.iterdir() if path.is_dir()}
    assert folders == {label_name(motions, ordered=False) for motions in LONG.labels} and len(folders) == 15
    assert {"left-and-up", "left-and-right", "clockwise-and-counterclockwise"} <= folders
    listed = [video for name in ("train.csv", "test.csv") for video in read_list(unordered / name).videos]
    assert len(listed) == LONG.videos
    assert all(video.path.is_file() and video.path.parent.name == video.label for video in listed)
    assert {video.label for video in listed} == folders
    settings = json.loads((unordered / "motion.json").read_text())
    assert (settings["ordered"], settings["repeats"], settings["distractions"]) == (False, 2, 1)


def keyframes(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [number for number, frame in enumerate(container.decode(video=0)) if frame.key_frame]


def test_every_share_of_a_long_video_has_its_keyframes_at_the_same_places(unordered: Path, tmp_path: Path) -> None:
    assert LONG.frames_per_move == 51
    in_step = list(range(0, 256, 17))
    assert all(keyframes(unordered / video.path) == in_step for video in plan_motion_set(LONG))
    for video in plan_motion_set(LONG)[:4]:
        frames = render(video.motions, LONG, np.random.default_rng([LONG.seed, video.number]))
        write_video(tmp_path / f"{video.number}.mp4", frames, LONG.fps, keyframe_every=17)
    # Left to itself, x264 takes shapes that come and go for scene cuts.
    assert any(keyframes(path) != in_step for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "share, distance", [(4, 4), (20, 20), (28, 28), (32, 32), (36, 18), (37, 37), (51, 17), (64, 32), (66, 22)]
)
def test_keyframes_divide_a_share(share: int, distance: int) -> None:
    assert _keyframe_distance(share) == distance


@pytest.mark.parametrize(
    "motions, ordered, name",
    [
        (("left", "up"), True, "left-then-up"),
        (("left", "up"), False, "left-and-up"),
        (("up", "down", "clockwise"), False, "up-and-down-and-clockwise"),
        (("left",), False, "left"),
    ],
)
def test_labels_are_written_in_words(motions: tuple[str, ...], ordered: bool, name: str) -> None:
    assert label_name(motions, ordered=ordered) == name


def test_what_an_interrupted_run_left_of_an_unordered_set_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "left-and-up").mkdir()
    with pytest.raises(DataError) as caught:
        write_motion_set(tmp_path, LONG)
    assert str(caught.value) == f"{tmp_path}: holds an unfinished set; delete it, or choose a new folder"
    (tmp_path / "left-and-sideways").mkdir()
    with pytest.raises(DataError, match=r"is there already and not an empty folder; choose a new one"):
        write_motion_set(tmp_path, LONG)
