"""Predictions for any number of files as a folder of Parquet, which a run can be stopped in and go on with."""

from faster_video.predictions.folder import PredictionFolder
from faster_video.predictions.run import Progress, predict_here
from faster_video.predictions.sources import Source, find_sources, local_sources, read_source_list
from faster_video.predictions.work import Work

__all__ = [
    "PredictionFolder",
    "Progress",
    "Source",
    "Work",
    "find_sources",
    "local_sources",
    "predict_here",
    "read_source_list",
]
