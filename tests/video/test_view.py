"""Views of frames: cut, resized by FFmpeg's scaler before the colours are converted, or by PyTorch after."""

from pathlib import Path

import numpy as np
import pytest
from test_probe import TURNS
from video_files import Pixels, encode, pictures, plain_read

from faster_video.video import FrameCache, ScanCache, VideoReader, View, Window

SIZE = (36, 48)
CROP = Window(top=2, left=8, height=32, width=32)


def view_of(height: int, width: int, size: tuple[int, int] = SIZE, *, mirrored: bool = False) -> View:
    """A view of the whole picture."""
    return View(cut=Window(top=0, left=0, height=height, width=width), size=size, crop=CROP, mirrored=mirrored)


def smooth(count: int, height: int, width: int) -> list[Pixels]:
    """Colours that change slowly, so that filters which average differ little."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / 25), np.cos(columns / 30), np.sin((rows + columns) / 40)]
    still = np.stack([128 + 90 * wave for wave in waves], axis=-1)
    return [np.roll(still, 3 * shift, 1).astype(np.uint8) for shift in range(count)]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p"])
def test_a_view_is_that_of_the_whole_frames(tmp_path: Path, pixels: str, mirrored: bool) -> None:
    video = encode(tmp_path / "a.mp4", smooth(6, 72, 96), pixels=pixels)
    expected = view_of(72, 96, mirrored=mirrored).of(np.stack(plain_read(video)))
    with VideoReader(video) as reader:
        (found,) = reader.clips([range(6)], view_of(72, 96, mirrored=mirrored))
    assert found.data.shape == (6, 32, 32, 3)
    assert found.data.dtype == np.uint8
    difference = np.abs(found.data.astype(int) - expected)
    assert difference.mean() < 2
    assert difference.max() <= 12  # at the edge of the roll
    assert abs(float((found.data.astype(int) - expected).mean())) < 0.5


def test_without_resizing_a_view_is_a_part_of_the_frames_to_the_last_bit(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mp4", pictures(6, 36, 48))
    with VideoReader(video) as reader:
        (found,) = reader.clips([[5, 0, 5]], view_of(36, 48))
    expected = np.stack(plain_read(video))[[5, 0, 5], 2:34, 8:40]
    np.testing.assert_array_equal(found.data, expected)


@pytest.mark.parametrize("size", [(36, 48), (144, 192), (100, 41)])
@pytest.mark.parametrize("full_range", [False, True])
def test_one_colour_stays_that_colour(tmp_path: Path, size: tuple[int, int], full_range: bool) -> None:
    frames = [np.full((72, 96, 3), (200, 100, 50), np.uint8)] * 3
    video = encode(tmp_path / "a.mp4", frames, pixels="yuvj420p" if full_range else "yuv420p")
    with VideoReader(video) as reader:
        whole = reader.frames([2]).data
        (found,) = reader.clips([[2]], view_of(72, 96, size))
    assert np.abs(found.data.astype(int) - whole[0, 0, 0]).max() <= 2  # what the encoder makes of one colour


def test_what_is_shrunk_is_averaged(tmp_path: Path) -> None:
    stripes = np.zeros((288, 384, 3), np.uint8)
    stripes[:, ::2] = 200
    video = encode(tmp_path / "a.mkv", [stripes], "ffv1", pixels="yuv420p")
    with VideoReader(video) as reader:
        (found,) = reader.clips([[0]], view_of(288, 384))
    assert np.ptp(found.data[0, 4:-4, 4:-4, 1].astype(int)) <= 8
    assert abs(float(found.data.mean()) - 100) < 4


@pytest.mark.parametrize("turn", TURNS)
def test_a_view_is_of_the_frame_as_it_is_shown(tmp_path: Path, turn: str) -> None:
    matrix, _, turned = TURNS[turn]
    video = encode(tmp_path / "a.mp4", smooth(2, 80, 120), matrix=[*matrix, 0, 0, 1 << 30])
    shown = np.stack([turned(picture) for picture in plain_read(video)])
    height, width = shown.shape[1:3]
    view = view_of(height, width, (40, 60) if height < width else (60, 40))
    with VideoReader(video) as reader:
        (found,) = reader.clips([[0, 1]], view)
    assert np.abs(found.data.astype(int) - view.of(shown)).mean() < 2


@pytest.mark.parametrize("name, codec, pixels", [("a.mp4", "libx264", "yuv420p"), ("a.mkv", "ffv1", "bgr0")])
@pytest.mark.parametrize(
    "cut", [Window(top=0, left=0, height=70, width=94), Window(top=3, left=5, height=60, width=80)]
)
def test_a_view_of_kept_frames_is_the_same(tmp_path: Path, name: str, codec: str, pixels: str, cut: Window) -> None:
    video = encode(tmp_path / name, pictures(20, 70, 94), codec, pixels=pixels)
    view = View(cut=cut, size=SIZE, crop=CROP, mirrored=True)
    cache = FrameCache(tmp_path / "frames", ScanCache())
    with VideoReader(video) as read, cache.open(video) as made, cache.open(video) as kept:
        assert not isinstance(made, VideoReader) and not isinstance(kept, VideoReader)
        for clip in ([0, 3, 19], [4]):
            (expected,), (first,), (second,) = (source.clips([clip], view) for source in (read, made, kept))
            np.testing.assert_array_equal(first.data, expected.data)
            np.testing.assert_array_equal(second.data, expected.data)
