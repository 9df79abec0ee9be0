"""Video files → answers: classify files and folders, and show how the answer came about."""

from faster_video.inference.answers import Classification, ClipAnswer, Failure
from faster_video.inference.by_name import load, with_policy
from faster_video.inference.classify import Classifier
from faster_video.inference.find import find_videos
from faster_video.inference.timeline import plot_timeline, timeline_table

__all__ = [
    "Classification",
    "Classifier",
    "ClipAnswer",
    "Failure",
    "find_videos",
    "load",
    "plot_timeline",
    "timeline_table",
    "with_policy",
]
