"""Made-up videos with motions to and fro, misleading distractions and shared scenes, measured on pixels.

Shapes: T frames of a video, S side of a frame in pixels.
"""

from collections import Counter
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_motion import turned

from faster_video.datasets.motion import _background, _scene, label_name, render, shown_moves
from faster_video.datasets.motion_config import MOTIONS, SWINGS, MotionConfig
from faster_video.datasets.motion_set import plan_motion_set

Masks = NDArray[np.bool_]
Floats = NDArray[np.float64]
SWING = MotionConfig(kinds=9, phases=1, videos=18, frames=40, size=96, clutter=0, phase_frames=(28, 32))
"""One move that is longer than a period to and fro, over a background that slides a little."""
MISLED = MotionConfig(
    kinds=9,
    phases=1,
    repeats=4,
    distractions=2,
    misleading=True,
    videos=18,
    frames=6 * 40,
    size=64,
    clutter=0,
    phase_frames=(28, 32),
)
SEEDS = range(8)


def masks_of(motion: str, config: MotionConfig, seed: int) -> Masks:
    """The pixels [T, S, S] that differ from the bare background of the same seed by more than the grain."""
    video = render((motion,), config, np.random.default_rng(seed))
    background = _background(config, np.random.default_rng(seed)).permute(0, 2, 3, 1).numpy() * 255
    return np.asarray(np.abs(video - background).max(axis=-1) > 30)


def stretches(masks: Masks) -> list[Masks]:
    """The runs of frames in which something is seen, without those in which it fades."""
    shown = masks.mean(axis=(1, 2)) > 0.01
    edges = np.flatnonzero(np.diff(np.concatenate(([0], shown.astype(int), [0]))))
    return [masks[start + 2 : end - 2] for start, end in edges.reshape(-1, 2)]


def path_of(stretch: Masks) -> Floats:
    """Where the shape is in each frame (x, y), in shares of the side: [frames, 2]."""
    centres = [[places.mean() for places in np.nonzero(mask)[::-1]] for mask in stretch]
    path: Floats = np.array(centres) / stretch.shape[-1]
    return path


def turns_back(along: Floats) -> int:
    """How often it changes its direction, measured over four frames so that the grain does not count."""
    signs = np.sign(along[4:] - along[:-4])
    steady = signs[np.abs(along[4:] - along[:-4]) > 0.03]
    return int(np.count_nonzero(np.diff(steady)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("motion", "axis"), [("shaking", 0), ("nodding", 1)])  # y grows downwards
def test_straight_swings_go_to_and_fro_along_their_own_axis(motion: str, axis: int, seed: int) -> None:
    (stretch,) = stretches(masks_of(motion, SWING, seed))
    path = path_of(stretch)
    # 24 to 28 frames of a period of 14 to 20, which has two turning points.
    assert 2 <= turns_back(path[:, axis]) <= 4
    spread = np.ptp(path, axis=0)
    assert 0.1 < spread[axis] < 0.32 and spread[1 - axis] < 0.5 * spread[axis]
    assert turns_back(path[:, 1 - axis]) == 0


@pytest.mark.parametrize("motion", ["left", "right", "up", "down"])
def test_straight_motions_never_turn_back(motion: str) -> None:
    for seed in SEEDS:
        (stretch,) = stretches(masks_of(motion, SWING, seed))
        path = path_of(stretch)
        assert turns_back(path[:, 0]) == turns_back(path[:, 1]) == 0


@pytest.mark.parametrize(("motion", "other", "axis"), [("shaking", "right", 0), ("nodding", "down", 1)])
def test_swings_end_on_average_where_they_began_and_straight_motions_do_not(motion: str, other: str, axis: int) -> None:
    """So neither way has the upper hand: the first half of a swing is no hint of a motion one way."""

    def ways(name: str) -> Floats:
        paths = [path_of(stretches(masks_of(name, SWING, seed))[0])[:, axis] for seed in range(24)]
        return np.array([path[-1] - path[0] for path in paths])

    swings, straight = ways(motion), ways(other)
    assert abs(swings.mean()) < 3 * swings.std() / np.sqrt(24) + 0.01
    assert swings.std() > 0.05 and np.abs(swings).max() < 0.32  # in one video it may be anywhere in its swing
    assert straight.mean() > 0.4 > 4 * abs(swings.mean())


TURNS = replace(SWING, size=144)


def turns_of(motion: str, seed: int) -> list[int]:
    """For every frame but the last, which way its shape turns to be the next frame's: 1 clockwise, -1 the other way."""
    video = render((motion,), TURNS, np.random.default_rng(seed))
    masks = masks_of(motion, TURNS, seed)
    seen = np.flatnonzero(masks.mean(axis=(1, 2)) > 0.01)[2:-2]  # without fading in and out
    half = 18
    centre = np.mean([[places.mean() for places in np.nonzero(masks[frame])] for frame in seen], axis=0)
    top, left = np.clip(np.rint(centre).astype(int), half, TURNS.size - half) - half
    crops = torch.from_numpy(video[seen]).permute(0, 3, 1, 2)[:, :, top : top + 2 * half, left : left + 2 * half]
    inside = slice(6, -6)  # of corners that come from outside the crop
    return [
        min((1, -1), key=lambda sign: float((turned(a, 9 * sign) - b)[:, inside, inside].abs().mean()))
        for a, b in pairwise(crops.float())
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_rocking_turns_to_and_fro_on_the_spot(seed: int) -> None:
    """Half a period of 14 to 20 frames one way, then the other."""
    turns = turns_of("rocking", seed)
    (stretch,) = stretches(masks_of("rocking", SWING, seed))
    assert np.ptp(path_of(stretch), axis=0).max() < 0.08
    assert 0.25 < np.mean(np.array(turns) > 0) < 0.75
    runs = [len(list(run)) for _, run in groupby(turns)]
    assert 3 <= len(runs) <= 5 and all(6 <= run <= 10 for run in runs[1:-1])


@pytest.mark.parametrize(("motion", "sign"), [("clockwise", 1), ("counterclockwise", -1)])
def test_turning_motions_never_turn_back(motion: str, sign: int) -> None:
    for seed in range(3):
        assert np.mean(np.array(turns_of(motion, seed)) == sign) > 0.9


def kind_of(stretch: Masks) -> str:
    """Which of four motions a stretch shows, told by where its shape goes."""
    path = path_of(stretch)
    axis = int(np.ptp(path, axis=0).argmax())
    if np.ptp(path[:, axis]) < 0.08:
        return "turning"
    way = path[-1, axis] - path[0, axis]
    if turns_back(path[:, axis]):
        return ("shaking", "nodding")[axis]
    return (("left", "right"), ("up", "down"))[axis][int(way > 0)]


@pytest.mark.parametrize("seed", SEEDS)
def test_misleading_distractions_are_all_one_other_motion_and_fewer_than_the_labels(seed: int) -> None:
    shown = Counter(kind_of(stretch) for stretch in stretches(masks_of("left", MISLED, seed)))
    assert shown.pop("left") == 4 and list(shown.values()) == [2]


def test_every_other_label_misleads_equally_often_and_anywhere_among_the_motions() -> None:
    generator, videos = np.random.default_rng(0), 4_000
    misled, places = Counter[str](), Counter[int]()
    for _ in range(videos):
        moves = shown_moves(("rocking",), MISLED, generator)
        (other,) = set(moves) - {"rocking"}
        assert (len(moves), moves.count(other)) == (6, 2)
        misled[other] += 1
        places.update(place for place, move in enumerate(moves) if move == other)
    assert set(misled) == {*MOTIONS, *SWINGS} - {"rocking"}
    assert max(abs(count - videos / 8) for count in misled.values()) < 4 * np.sqrt(videos / 8)
    assert set(places) == set(range(6))
    assert max(abs(count - videos / 3) for count in places.values()) < 4 * np.sqrt(videos / 3)


def test_without_misleading_no_distraction_is_a_motion_of_a_label() -> None:
    config = MotionConfig(kinds=9, videos=36, repeats=3, distractions=2, frames=256)
    generator = np.random.default_rng(0)
    for _ in range(100):
        moves = shown_moves(("left", "up"), config, generator)
        assert len(set(moves) - {"left", "up"}) in (1, 2) and not set(moves) & {*SWINGS, "right", "down"}


SCENES = MotionConfig(kinds=9, phases=1, videos=36, frames=28, size=32, scenes=3, clutter=2, seed=4)


def first_frames(config: MotionConfig) -> list[NDArray[np.uint8]]:
    """Of every video of the set its first frame, in which nothing moves yet."""
    return [
        render(video.motions, config, np.random.default_rng([config.seed, video.number]))[0]
        for video in plan_motion_set(config)
    ]


def is_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """But for the grain."""
    return bool(np.abs(one.astype(int) - other).mean() < 10)


def test_videos_of_one_scene_share_their_background_and_without_scenes_none_do() -> None:
    groups: list[list[NDArray[np.uint8]]] = []
    for frame in first_frames(SCENES):
        group = next((group for group in groups if is_same(group[0], frame)), None)
        groups.append([frame]) if group is None else group.append(frame)
    assert len(groups) == 3 and min(map(len, groups)) >= 4
    assert not np.array_equal(groups[0][0], groups[0][1])  # each video has grain of its own
    own = first_frames(MotionConfig(kinds=9, phases=1, videos=36, frames=28, size=32, clutter=2, seed=4))
    assert not any(is_same(one, other) for place, one in enumerate(own) for other in own[:place])


def test_a_scene_says_nothing_of_the_label_and_another_seed_has_others() -> None:
    """Each scene is drawn with the video, whatever it shows, and its whole background is the same in every frame."""
    scenes: dict[bytes, set[str]] = {}
    config = replace(SCENES, videos=180, scenes=2, clutter=1)
    for video in plan_motion_set(config):
        scene = _scene(config, np.random.default_rng([config.seed, video.number]))
        scenes.setdefault(scene.numpy().tobytes(), set()).add(video.label)
    assert len(scenes) == 2 and all(labels == {*MOTIONS, *SWINGS} for labels in scenes.values())
    other = replace(config, seed=5)
    drawn = {_scene(other, np.random.default_rng(number)).numpy().tobytes() for number in range(20)}
    assert len(drawn) == 2 and not drawn & scenes.keys()


def test_kinds_choose_the_motions_that_labels_are_made_of() -> None:
    labels = {label_name(motions) for motions in SWING.labels}
    assert labels == {*MOTIONS, *SWINGS} and len(labels) == 9
    assert {motion for motions in MotionConfig(kinds=7, videos=28).labels for motion in motions} == {
        *MOTIONS,
        "shaking",
    }
    assert MotionConfig(kinds=2, videos=4).labels == [("left", "up"), ("up", "left")]
    assert MotionConfig().motions == MOTIONS
