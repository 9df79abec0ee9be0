"""Frames to clip tensors: which frames make a clip (integers), how they are cut and normalised (tensors)."""

from faster_video.clips.sampling import clip_frames, clip_starts, random_clip_starts
from faster_video.clips.transforms import (
    as_clip,
    normalize,
    normalized_clip,
    test_clip,
    test_view,
    train_clip,
    train_view,
)

__all__ = [
    "as_clip",
    "clip_frames",
    "clip_starts",
    "normalize",
    "normalized_clip",
    "random_clip_starts",
    "test_clip",
    "test_view",
    "train_clip",
    "train_view",
]
