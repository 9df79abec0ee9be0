from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from video_files import pictures

from faster_video.errors import ConfigError
from faster_video.video import decode_frames, probe, write_video


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    frames = pictures(20)
    write_video(tmp_path / "a.mp4", iter(frames), Fraction(30000, 1001))
    info = probe(tmp_path / "a.mp4")
    assert (info.num_frames, info.fps, info.codec) == (20, Fraction(30000, 1001), "h264")
    found = decode_frames(tmp_path / "a.mp4", range(20)).data
    assert np.abs(found.astype(int) - np.stack(frames)).mean() < 25  # colour is halved in both directions


def test_without_loss(tmp_path: Path) -> None:
    frames = pictures(3, 47, 63)
    write_video(tmp_path / "a.mkv", frames, 25, codec="ffv1", pixel_format="bgr0", crf=None)
    np.testing.assert_array_equal(decode_frames(tmp_path / "a.mkv", range(3)).data, np.stack(frames))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_same_frames_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / name, pictures(30), 30)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ConfigError, match="every frame must be uint8"):
        write_video(path, [*pictures(2), *pictures(1, 32, 32)], 30)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "frames, settings, reason",
    [
        ([], {}, "no frames for .*; a video needs at least one"),
        ([np.zeros((16, 16), np.uint8)], {}, r"a frame is uint8 \[16, 16\]; every frame must be uint8"),
        ([np.zeros((16, 16, 3))], {}, "a frame is float64 .*; every frame must be uint8"),
        (pictures(1, 15, 16), {}, "yuv420p needs even sides"),
        (pictures(1), {"codec": "nonsense"}, "codec nonsense"),
        (pictures(1), {"codec": "aac"}, "codec is aac; it must encode video"),
        (pictures(1), {"pixel_format": "nonsense"}, "pixel_format nonsense"),
    ],
)
def test_what_cannot_be_written_is_said(
    tmp_path: Path, frames: list[np.ndarray], settings: dict[str, str], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        write_video(tmp_path / "a.mp4", frames, 30, **settings)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.nonsense"):
        write_video(tmp_path / "a.nonsense", pictures(1), 30)


def test_a_folder_that_is_missing_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_video(tmp_path / "none" / "a.mp4", pictures(1), 30)
