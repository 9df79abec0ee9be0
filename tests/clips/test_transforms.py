from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from faster_video.clips import transforms
from faster_video.config import TransformConfig
from faster_video.errors import ConfigError

CONFIG = TransformConfig(crop_size=32, test_short_side=36, train_short_side=(36, 44))
Pixels = NDArray[np.uint8]


def noise(length: int = 2, height: int = 48, width: int = 64) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (length, height, width, 3), np.uint8)


def ramp(height: int, width: int) -> Pixels:
    """One frame whose red is the column and whose green is the row, both as shares of 250."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = 250 * (columns + 0.5) / width, 250 * (rows + 0.5) / height
    return np.stack([red, green, np.zeros_like(red)], axis=-1)[None].round().astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(
    length=st.integers(1, 3),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
    seed=st.integers(),
)
def test_any_size_fits_and_one_colour_stays_that_colour(
    length: int, height: int, width: int, colour: tuple[int, int, int], seed: int
) -> None:
    frames = np.full((length, height, width, 3), colour, np.uint8)
    for clip in (
        transforms.test_clip(frames, CONFIG),
        transforms.train_clip(frames, CONFIG, Random(seed)),
    ):
        assert clip.shape == (3, length, 32, 32)
        assert clip.dtype == torch.uint8
        assert clip.is_contiguous()
        assert (clip == torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1, 1)).all()


@pytest.mark.parametrize("height, width", [(1, 4000), (4000, 1), (1, 1)])
def test_a_strip_of_one_pixel_works(height: int, width: int) -> None:
    frames = noise(2, height, width)
    assert transforms.test_clip(frames, CONFIG).shape == (3, 2, 32, 32)
    assert transforms.train_clip(frames, CONFIG, Random(0)).shape == (3, 2, 32, 32)


@pytest.mark.parametrize("height, width", [(36, 72), (72, 36), (36, 36), (360, 640)])
def test_the_test_clip_is_the_centre_at_the_frames_own_ratio(height: int, width: int) -> None:
    clip = transforms.test_clip(ramp(height, width), CONFIG).float()
    short = min(height, width)
    for colour, side in enumerate((width, height)):
        values = clip[colour, 0].mean(colour)  # red by column, green by row
        assert abs(values.mean().item() - 125) < 4  # the middle of the frame
        shown = (values[-1] - values[0]).item() / 250 * side / 31  # frame pixels per clip pixel
        assert shown == pytest.approx(short / 36, rel=0.05)


def test_frames_of_the_right_size_are_only_cropped() -> None:
    frames = noise(3, 36, 50)
    clip = transforms.test_clip(frames, CONFIG)
    expected = frames[:, 2:34, 9:41].transpose(3, 0, 1, 2)
    np.testing.assert_array_equal(clip.numpy(), expected)


def test_the_input_is_left_alone_and_may_be_read_only_or_a_view() -> None:
    frames = noise()
    before = frames.copy()
    frames.flags.writeable = False
    mirrored = transforms.test_clip(frames[:, :, ::-1], CONFIG)
    transforms.train_clip(frames, CONFIG, Random(0))
    np.testing.assert_array_equal(frames, before)
    assert (mirrored.flip(-1).int() - transforms.test_clip(frames, CONFIG).int()).abs().max() <= 1


def test_a_flipped_clip_is_the_mirror_of_the_clip() -> None:
    frames = noise()
    plain = transforms.train_clip(frames, replace(CONFIG, flip_probability=0), Random(5))
    flipped = transforms.train_clip(frames, replace(CONFIG, flip_probability=1), Random(5))
    assert torch.equal(flipped, plain.flip(-1))
    assert not torch.equal(flipped, plain)


@given(seed=st.integers())
@settings(deadline=None, max_examples=20)
def test_all_frames_of_a_clip_are_cut_alike(seed: int) -> None:
    frames = noise(1).repeat(4, axis=0)
    clip = transforms.train_clip(frames, CONFIG, Random(seed))
    assert (clip == clip[:, :1]).all()


def test_the_seed_fixes_a_training_clip_and_another_changes_it() -> None:
    frames = noise()
    one, same, other = (transforms.train_clip(frames, CONFIG, Random(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_training_clips_differ_in_place_size_and_side() -> None:
    random = Random(0)
    clips = [transforms.train_clip(ramp(100, 160), CONFIG, random).float() for _ in range(60)]
    left = [min(clip[0, 0, 0, 0].item(), clip[0, 0, 0, -1].item()) for clip in clips]
    flipped = [clip[0, 0, 0, 0] > clip[0, 0, 0, -1] for clip in clips]
    scale = [abs(clip[0, 0, 0, 0] - clip[0, 0, 0, -1]).item() for clip in clips]
    assert min(left) < 10 and max(left) > 80
    assert 15 < sum(flipped) < 45
    assert max(scale) / min(scale) == pytest.approx(44 / 36, abs=0.06)


def test_normalize_moves_the_mean_to_zero_and_the_spread_to_one() -> None:
    config = replace(CONFIG, mean=(0.2, 0.4, 0.6), std=(0.1, 0.2, 0.5))
    clip = torch.tensor([51, 102, 153], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 2, 4, 4)
    assert transforms.normalize(clip, config).abs().max() < 1e-6
    white = transforms.normalize(torch.full((5, 3, 1, 1, 1), 255, dtype=torch.uint8), config)
    assert white.dtype == torch.float32
    torch.testing.assert_close(white[0].flatten(), torch.tensor([8.0, 3.0, 0.8]))


def test_normalize_keeps_leading_sizes() -> None:
    clips = torch.randint(0, 256, (2, 4, 3, 8, 5, 6), dtype=torch.uint8)
    normal = transforms.normalize(clips, CONFIG)
    assert normal.shape == clips.shape
    torch.testing.assert_close(normal, (clips / 255 - 0.45) / 0.225)


@settings(deadline=None, max_examples=40)
@given(length=st.integers(1, 3), height=st.integers(1, 90), width=st.integers(1, 90))
def test_the_quick_way_to_a_normalised_test_clip_is_the_same_to_the_last_bit(
    length: int, height: int, width: int
) -> None:
    config = replace(CONFIG, mean=(0.2, 0.4, 0.6), std=(0.1, 0.2, 0.5))
    frames = noise(length, height, width)
    pixels = transforms.test_clip(frames, config)
    whole = pixels.permute(1, 2, 3, 0).numpy()
    quick = transforms.normalized_clip(list(whole), config)
    assert torch.equal(transforms.normalized_clip(list(whole), config, into=torch.full_like(quick, torch.nan)), quick)
    assert torch.equal(quick, transforms.normalize(pixels, config))
    assert quick.movedim(0, -1).is_contiguous()


def test_normalize_refuses_to_do_it_twice() -> None:
    normal = transforms.normalize(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), CONFIG)
    with pytest.raises(ConfigError, match=r"clip is torch.float32 \[3, 1, 2, 2\]; normalize takes uint8 .* once"):
        transforms.normalize(normal, CONFIG)


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), np.uint8)]
)
def test_frames_of_another_kind_are_refused(frames: Pixels) -> None:
    with pytest.raises(ConfigError, match=r"frames is .*; a clip needs uint8 \[T, H, W, 3\]"):
        transforms.test_clip(frames, CONFIG)
