"""A stream's state on disk, safetensors with its counters as JSON beside the tensors: it goes on exactly."""

# Shapes: P pictures that the next clips need, S side of the crop, 3 colours; hidden states [B = 1, ...].

import json
from collections import deque
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from faster_video.engine.kept import key_of, network_key
from faster_video.errors import ConfigError, StreamError, first_line
from faster_video.files import printable, replacing_file
from faster_video.inference import Classifier
from faster_video.model import State
from faster_video.streaming.config import StreamConfig
from faster_video.streaming.cutter import StreamFrame
from faster_video.streaming.identity import SourceMark
from faster_video.streaming.memory import Remembered
from faster_video.streaming.segments import GrowingSegment, SegmentMark
from faster_video.streaming.stream import Stream
from faster_video.video.pixels import Orientation, PictureKind

FORMAT = "faster_video stream 2"
_IDENTITIES: WeakKeyDictionary[Classifier, str] = WeakKeyDictionary()


def save_stream(stream: Stream, path: str | Path, segments: SegmentMark | None = None) -> None:
    """Write the state, and how far a file of segments is; a file of before is replaced when the new one is whole.

    Raises:
        OSError: it cannot be written.
    """
    cutter, memory = stream.cutter, stream.memory
    tensors: dict[str, Tensor] = {}
    for number, held in enumerate(memory.held):
        if held.state is not None:
            tensors[f"hidden.{number}"] = held.state.hidden.cpu().contiguous()
    if cutter.kept:
        tensors["pictures"] = torch.from_numpy(np.stack([frame.picture for frame in cutter.kept])).contiguous()
    if stream.before is not None:
        tensors["before"] = torch.from_numpy(stream.before.copy()).contiguous()
    counters = {
        "format": FORMAT,
        "bundle": _identity(stream.classifier),
        "config": asdict(stream.config),
        "fps": stream.fps,
        "seconds": stream.seconds,
        "answers": stream.answers,
        "source": None if stream.source is None else asdict(stream.source),
        "ended": stream.ended,
        "clips_dropped": cutter.clips_dropped,
        "gmacs": stream.gmacs,
        "smoothed": stream.smoothed,
        "first": None if stream.viewer.first is None else [asdict(part) for part in stream.viewer.first],
        "frames_seen": cutter.frames_seen,
        "next_start": cutter.next_start,
        "dropped": sorted(cutter.dropped),
        "kept": [[frame.number, frame.seconds] for frame in cutter.kept],
        "resets": memory.resets,
        "held": [[one.since_seconds, 0 if one.state is None else one.state.clips_seen] for one in memory.held],
        "segments": None if segments is None else asdict(segments),
    }
    told = json.dumps(counters)
    with replacing_file(Path(path)) as aside:
        metadata = {"format": FORMAT, "stream": told, "sha256": _digest(told, tensors)}
        aside.write_bytes(save(tensors, metadata))  # `save_file` would write aside itself, under a name of its own


def restore_stream(classifier: Classifier, path: str | Path) -> Stream:
    """The stream that was saved there, with the same bundle.

    Raises:
        StreamError: the file is none, or is damaged.
        ConfigError: it was saved with another bundle, pattern or gate.
    """
    counters, tensors = _read(path)
    if counters["bundle"] != _identity(classifier):
        raise ConfigError(
            f"{printable(path)}: was saved with another bundle, pattern or gate; give the same, or another file to "
            "begin anew"
        )
    stream = Stream(classifier, StreamConfig(**counters["config"]), fps=counters["fps"])
    stream.seconds, stream.answers = counters["seconds"], counters["answers"]
    stream.gmacs, stream.smoothed = counters["gmacs"], counters["smoothed"]
    stream.source = None if counters["source"] is None else SourceMark(**counters["source"])
    stream.ended = counters["ended"]
    if counters["first"] is not None:
        kind, orientation = counters["first"]
        stream.viewer.first = PictureKind(**kind), Orientation(**orientation)
    stream.cutter.frames_seen, stream.cutter.next_start = counters["frames_seen"], counters["next_start"]
    stream.cutter.dropped, stream.cutter.clips_dropped = set(counters["dropped"]), counters["clips_dropped"]
    stream.cutter.kept = deque(
        StreamFrame(number, tensors["pictures"][place].numpy(), seconds)
        for place, (number, seconds) in enumerate(counters["kept"])
    )
    stream.before = tensors["before"].numpy() if "before" in tensors else None
    stream.memory.resets = counters["resets"]
    stream.memory.held = [
        Remembered(
            State(tensors[f"hidden.{number}"].to(classifier.device), clips_seen) if clips_seen else None, since_seconds
        )
        for number, (since_seconds, clips_seen) in enumerate(counters["held"])
    ]
    return stream


def restore_segments(path: str | Path) -> SegmentMark | None:
    """How far the file of segments was when the stream was saved there; None if none was written.

    Raises:
        StreamError: the file is no saved stream, or is damaged.
    """
    told = _read(path)[0]["segments"]
    if told is None:
        return None
    growing = None if told["growing"] is None else GrowingSegment(**told["growing"])
    return SegmentMark(**(told | {"growing": growing}))


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Counters and tensors as they were written, to the last bit. Raises `StreamError`."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # damage makes readers stumble in many ways
        raise StreamError(f"{printable(path)}: is no saved stream that can be read ({first_line(error)})") from error
    if "stream" not in metadata or metadata.get("format") != FORMAT:
        raise StreamError(f"{printable(path)}: is no saved stream of this version, which reads {FORMAT!r}")
    if metadata.get("sha256") != _digest(metadata["stream"], tensors):
        raise StreamError(f"{printable(path)}: is no saved stream that can be read (it is damaged)")
    counters: dict[str, Any] = json.loads(metadata["stream"])
    return counters, tensors


def _digest(counters: str, tensors: dict[str, Tensor]) -> str:
    """Of all that is in the file; what agrees with it needs no further checks."""
    digest = sha256(counters.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _identity(classifier: Classifier) -> str:
    """Of everything that a state depends on: settings, pattern, numbers, and the weights that are not a file's."""
    if classifier not in _IDENTITIES:  # a hash of all weights takes a moment
        config = asdict(classifier.bundle.config)
        del config["provenance"], config["presets"]
        model = classifier.model
        weights = network_key(classifier.bundle.model)
        _IDENTITIES[classifier] = key_of(
            config, str(model.pattern), model.gate_threshold, classifier.precision, weights
        )
    return _IDENTITIES[classifier]
