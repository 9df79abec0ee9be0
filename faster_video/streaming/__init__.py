"""Frames of a live source → an answer after every clip, for as long as it lasts."""

from faster_video.streaming.answers import StreamAnswer
from faster_video.streaming.config import StreamConfig
from faster_video.streaming.run import stream_answers
from faster_video.streaming.saved import restore_segments, restore_stream, save_stream
from faster_video.streaming.segments import Segment, SegmentFile, SegmentJoiner, SegmentMark
from faster_video.streaming.source import Source, is_file, is_live
from faster_video.streaming.stream import Stream

__all__ = [
    "Segment",
    "SegmentFile",
    "SegmentJoiner",
    "SegmentMark",
    "Source",
    "Stream",
    "StreamAnswer",
    "StreamConfig",
    "is_file",
    "is_live",
    "restore_segments",
    "restore_stream",
    "save_stream",
    "stream_answers",
]
