"""Checking a list before training on it: every frame of every video decoded once, each file's fault in plain words."""

from faster_video.datasets.checking.check import check_videos
from faster_video.datasets.checking.report import CheckedVideo, CheckReport, Copies

__all__ = ["CheckReport", "CheckedVideo", "Copies", "check_videos"]
