"""Labelled videos: lists of files people have, and sets of videos made up on the spot."""

from faster_video.datasets.lists import LabelledVideo, VideoList, find_videos, read_list

__all__ = ["LabelledVideo", "VideoList", "find_videos", "read_list"]
