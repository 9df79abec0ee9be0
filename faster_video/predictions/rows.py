"""What a Parquet file of predictions holds: one row per video (docs/cluster.md "What is written").

pyarrow is an extra (`pip install 'faster-video[cluster]'`) and loaded where it is needed.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from faster_video.inference import Classification, Failure

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]
TIMES = ("seconds", "seconds_decoding", "seconds_model")
"""Columns that differ from run to run; all others do not."""


def schema() -> "pyarrow.Schema":
    """Of every part; all columns but `path` are null where a video could not be read, and `error` where it could."""
    import pyarrow as pa

    word, number = pa.string(), pa.float64()
    clip = [
        ("start_seconds", number),
        ("end_seconds", number),
        ("expensive", pa.bool_()),
        ("label", word),
        ("probability", number),
        ("gmacs", number),
    ]
    return pa.schema(
        [
            pa.field("path", word, nullable=False),
            ("error", word),
            ("label", word),
            ("probability", number),
            ("labels", pa.list_(word)),
            ("probabilities", pa.list_(number)),
            ("pattern", word),
            ("num_clips", pa.int32()),
            ("clips", pa.list_(pa.struct(clip))),
            ("gmacs", number),
            ("gmacs_all_expensive", number),
            ("video_seconds", number),
            *((name, number) for name in TIMES),
        ]
    )


def row_of(name: str, result: Classification | Failure, top: int) -> Row:
    """The row of the video called `name`, with its `top` most probable labels."""
    if isinstance(result, Failure):
        return failed_row(name, result.reason)
    row = result.as_dict(top) | {"path": name, "label": result.label, "probability": result.probability}
    ranked = result.labels[:top]
    return row | {"labels": [label for label, _ in ranked], "probabilities": [share for _, share in ranked]}


def failed_row(name: str, reason: str) -> Row:
    """The row of a video that could not be read."""
    return {"path": name, "error": reason.encode("utf-8", "backslashreplace").decode()}


def table_of(rows: Iterable[Row]) -> "pyarrow.Table":
    """The rows under the schema."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema())
