"""File to frames: `probe` says what a file holds, `VideoReader` decodes frames, `write_video` encodes."""

from faster_video.video.decode import VideoReader, decode_frames
from faster_video.video.frame_cache import FrameCache
from faster_video.video.frames import Frames, end_seconds
from faster_video.video.probe import VideoInfo, probe
from faster_video.video.scans import ScanCache
from faster_video.video.view import View, Window
from faster_video.video.write import write_video

__all__ = [
    "FrameCache",
    "Frames",
    "ScanCache",
    "VideoInfo",
    "VideoReader",
    "View",
    "Window",
    "decode_frames",
    "end_seconds",
    "probe",
    "write_video",
]
