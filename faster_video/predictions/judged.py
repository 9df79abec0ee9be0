"""Predictions beside the labels of a list, as an evaluation counts them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from faster_video.datasets import LabelledVideo
from faster_video.datasets.video_list import is_missing
from faster_video.evaluation import JudgedVideo
from faster_video.predictions.sources import local_sources

if TYPE_CHECKING:
    import pyarrow


def judged_videos(
    videos: Sequence[LabelledVideo], predictions: "pyarrow.Table", labels: Sequence[str]
) -> Iterator[JudgedVideo]:
    """Each video's outcome in the order of the list, from a table that holds them all, with all K `labels` in each."""
    places = {name: place for place, name in enumerate(predictions["path"].to_pylist())}
    for video in videos:
        (source,) = local_sources([video.path])
        (row,) = predictions.slice(places[source.name], 1).to_pylist()
        if row["error"] is not None:
            missing = is_missing(video.path)
            yield JudgedVideo(path=video.path, label=video.label, unreadable=row["error"], missing=missing)
            continue
        shares = dict(zip(row["labels"], row["probabilities"], strict=True))
        yield JudgedVideo(
            path=video.path,
            label=video.label,
            predicted=row["label"],
            probability=row["probability"],
            probabilities=[shares[label] for label in labels],
            gmacs=row["gmacs"],
            seconds=row["seconds"],
        )
