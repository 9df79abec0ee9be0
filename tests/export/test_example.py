"""The example that is copied beside exported graphs makes the clips of a video that this package makes."""

import subprocess
import sys
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.stream import VideoStream
from export_samples import RUNTIMES, small_pair

from faster_video.config import ClipConfig, TransformConfig
from faster_video.export import export_bundle
from faster_video.export.example import clips_of
from faster_video.export.run_video import example_text
from faster_video.inference.decoding import ClipDecoder

ONE = 1 << 16
TURNED = [0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30]
"""Display matrix of a video that is shown turned clockwise, as phones write them."""


def write(path: Path, *, count: int, height: int, width: int, codec: str = "libx264", pixels: str = "yuv420p") -> Path:
    """Smooth colours that change from frame to frame; shown turned if the name says so."""
    rows, columns = np.mgrid[:height, :width]
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = height, width, pixels
        if "turned" in path.stem:
            stream.set_display_matrix(TURNED)
        for number in range(count):
            waves = [np.sin((rows * across + columns + 3 * number) / 9) for across in (0, 1, 2)]
            picture = (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def largest_difference(video: Path, clips: ClipConfig, transform: TransformConfig) -> float:
    """Of a pixel of the example's clips from ours, in standard deviations."""
    ours = [clip.pixels.numpy() for clip in ClipDecoder(clips, transform, torch.device("cpu")).read(video)]
    theirs = list(clips_of(str(video), asdict(clips), asdict(transform) | {"short_side": transform.test_short_side}))
    assert [clip.shape for clip in theirs] == [clip.shape for clip in ours]
    assert all(clip.dtype == np.float32 and clip.flags.c_contiguous for clip in theirs)
    return max(float(np.abs(clip - own).max()) for clip, own in zip(theirs, ours, strict=True))


CLIPS = ClipConfig(num_clips=5, frames_per_clip=8, frame_stride=2)
TRANSFORM = TransformConfig(crop_size=32, test_short_side=36, train_short_side=(36, 40))


@pytest.mark.parametrize(
    "name, count, height, width, codec",
    [
        ("wide.mp4", 60, 48, 66, "libx264"),
        ("tall.avi", 60, 70, 50, "mpeg4"),
        ("turned.mp4", 60, 50, 86, "libx264"),
        ("as-it-is.mp4", 60, 36, 44, "libx264"),
        ("larger.mp4", 60, 24, 32, "libx264"),
        ("short.mp4", 5, 48, 66, "libx264"),
    ],
)
def test_the_pixels_are_ours(name: str, count: int, height: int, width: int, codec: str, tmp_path: Path) -> None:
    video = write(tmp_path / name, count=count, height=height, width=width, codec=codec)
    assert largest_difference(video, CLIPS, TRANSFORM) < 1e-6


def test_a_single_clip_starts_at_the_beginning(tmp_path: Path) -> None:
    video = write(tmp_path / "long.mp4", count=60, height=48, width=66)
    assert largest_difference(video, ClipConfig(num_clips=1, frames_per_clip=8), TRANSFORM) < 1e-6


def test_pixels_that_are_stored_otherwise_are_close(tmp_path: Path) -> None:
    video = write(tmp_path / "full.mp4", count=60, height=49, width=67, pixels="yuv444p")
    assert largest_difference(video, CLIPS, TRANSFORM) * TRANSFORM.std[0] * 255 < 4  # grey levels


@pytest.mark.parametrize("form, runtime", RUNTIMES.items())
def test_it_has_the_loader_of_its_format_and_no_other(form: str, runtime: str) -> None:
    text = example_text(form)
    assert [name for name in RUNTIMES.values() if f"import {name}\n" in text] == [runtime]
    assert text.count("def load(") == 1 and "faster_video" not in text
    assert len(text.splitlines()) < 85


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "graphs"
    export_bundle(small_pair(), folder, "torch-export")
    return folder


def sound(path: Path) -> Path:
    """A file with sound and no pictures."""
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_what_cannot_be_read_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    sound(tmp_path / "sound.wav")
    reasons = {
        "none.mp4": "No such file or directory",
        "sound.wav": "it has no pictures",
    }
    for name, reason in reasons.items():
        assert said(exported, str(tmp_path / name)) == f"{tmp_path / name}: cannot be read: {reason}\n"


def test_without_a_video_it_says_how_it_is_used(exported: Path) -> None:
    assert said(exported) == said(exported, "a.mp4", "b.mp4") == "usage: python run_video.py VIDEO\n"


def said(folder: Path, *words: str) -> str:
    """On stderr, when it refuses what it is given."""
    done = subprocess.run([sys.executable, str(folder / "run_video.py"), *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr
