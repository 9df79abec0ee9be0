"""Made-up videos whose own motions stay in one quarter of the frame, measured on pixels.

Shapes: T frames of a video, S side of a frame in pixels.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import av
import numpy as np
import pytest

from faster_video.cli import main
from faster_video.datasets.motion import _scene, move_spans, render, shown_moves, shown_places
from faster_video.datasets.motion_config import MOTION_SETS, MotionConfig, long, single
from faster_video.datasets.motion_set import plan_motion_set, write_motion_set
from faster_video.errors import ConfigError

STAYING = replace(long(), distractions=4, videos=18)


def quarters(motion: str, config: MotionConfig, seed: int) -> list[tuple[str, int]]:
    """Each move of a video with the quarter of the frame in which most of its pixels differ from the bare scene."""
    frames = render((motion,), config, np.random.default_rng(seed)).astype(np.float32) / 255  # [T, S, S, 3]
    generator = np.random.default_rng(seed)
    scene = _scene(config, generator).permute(0, 2, 3, 1).numpy()  # the same draws, in the same order
    moves = shown_moves((motion,), config, generator)
    half = config.size // 2
    found = []
    for move, (start, end) in zip(moves, move_spans(config, generator), strict=True):
        changed = np.abs(frames[start:end] - scene[start:end]).max(axis=-1) > 0.15  # [t, S, S]
        corners = [changed[:, y : y + half, x : x + half].sum() for y in (0, half) for x in (0, half)]
        found.append((move, int(np.argmax(corners))))
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("motion", ["left", "down", "clockwise", "nodding"])
def test_the_labels_motion_keeps_to_one_quarter_and_the_misleading_one_to_the_others(motion: str, seed: int) -> None:
    seen = quarters(motion, STAYING, seed)
    home = {quarter for move, quarter in seen if move == motion}
    others = [quarter for move, quarter in seen if move != motion]
    assert len(home) == 1 and not home & set(others)
    assert len(others) == 4 and len(set(others)) == 3  # they take turns


def test_where_a_video_is_at_home_says_nothing_about_its_label() -> None:
    homes = {motion: {quarters(motion, STAYING, seed)[0] for seed in range(25)} for motion in ("left", "up")}
    for motion, found in homes.items():
        assert {quarter for move, quarter in found if move == motion} == {0, 1, 2, 3}


def test_without_staying_a_motion_comes_anywhere() -> None:
    seen = quarters("clockwise", replace(STAYING, stays=False), 0)
    assert len({quarter for move, quarter in seen if move == "clockwise"}) > 1
    moves = ["left", "up"]
    assert shown_places(moves, ("left",), replace(STAYING, stays=False), np.random.default_rng(0)) == [None, None]


def test_networks_learn_the_long_sets_motions_from_the_single_set() -> None:
    for name in ("motions", "size", "scenes", "clutter", "shape_size", "speed", "seed"):  # and so the same scenes
        assert getattr(single(), name) == getattr(long(), name), name
    assert single().num_moves == 1


@pytest.mark.parametrize("name", sorted(MOTION_SETS))
def test_a_named_set_is_written_and_other_options_change_it(name: str, tmp_path: Path) -> None:
    out = tmp_path / "set"
    assert main(["make-motion", str(out), "--set", name, "--videos", "24", "--size", "32", "--workers", "0"]) == 0
    assert json.loads((out / "motion.json").read_text()) == json.loads(
        json.dumps(asdict(replace(MOTION_SETS[name](), videos=24, size=32)))
    )


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_files_of_either_codec_show_what_was_drawn(codec: str, tmp_path: Path) -> None:
    config = replace(single(), videos=18, codec=codec)
    write_motion_set(tmp_path / "set", config)
    for video in plan_motion_set(config)[:4]:
        drawn = render(video.motions, config, np.random.default_rng([config.seed, video.number])).astype(float)
        with av.open(str(tmp_path / "set" / video.path)) as file:
            assert file.streams.video[0].codec_context.name == codec
            shown = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(float)
        grey = np.abs(shown.mean(axis=-1) - drawn.mean(axis=-1))  # colours are stored at half the resolution
        assert grey.mean() < 4  # 3.1 and 3.5


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown codec 'av1'; choose one of h264, mpeg4"):
        replace(single(), codec="av1")
