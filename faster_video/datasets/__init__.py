"""Labelled videos: lists of files people have, and sets of videos made up on the spot."""

from faster_video.datasets.lists import LabelledVideo, Part, VideoList, read_list, videos_in_folder

__all__ = ["LabelledVideo", "Part", "VideoList", "read_list", "videos_in_folder"]
