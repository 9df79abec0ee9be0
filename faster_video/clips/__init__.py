"""Frames to clip tensors: which frames make a clip (integers), how they are cut and normalised (tensors)."""

from faster_video.clips.sampling import clip_frames, clip_starts, random_clip_starts
from faster_video.clips.transforms import normalize, normalized_test_clip, test_clip, train_clip

__all__ = [
    "clip_frames",
    "clip_starts",
    "normalize",
    "normalized_test_clip",
    "random_clip_starts",
    "test_clip",
    "train_clip",
]
