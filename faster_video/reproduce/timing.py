"""How long trained bundles take over the same videos: what Table 5 puts beside the GMACs.

Shapes: V videos, R rounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.config import ClipConfig, TransformConfig, require_at_least
from faster_video.errors import DataError, DecodeError
from faster_video.inference import Classifier
from faster_video.model import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Wall time of one bundle over all videos together, once per round."""

    videos: int
    """V: those that can be read."""
    seconds: tuple[float, ...]
    """From opening the files to the last answers, [R]."""
    network_seconds: tuple[float, ...]
    """Of the networks alone, on clips that were decoded before, [R]."""

    @property
    def median(self) -> float:
        """Of `seconds`."""
        return median(self.seconds)

    @property
    def network_median(self) -> float:
        """Of `network_seconds`."""
        return median(self.network_seconds)


def measure_seconds(
    bundles: Mapping[str, Bundle], videos: Sequence[Path], *, rounds: int = 3, device: str = "auto"
) -> dict[str, Timing]:
    """Classify all videos with every bundle, `rounds` times over.

    The bundles take turns at every video, each as often first as the others, so that all feel alike what else the
    machine does; each classifies a video once before the clock starts. All pass over a video that cannot be read.

    Raises:
        ConfigError: `rounds` is below 1, a bundle cannot look at videos, or there is no such device here.
        DataError: no video can be read, or there are none.
    """
    require_at_least("rounds", rounds, 1)
    classifiers = {name: Classifier(bundle, device) for name, bundle in bundles.items()}
    readable = _warm_up(classifiers, videos)
    whole: dict[str, list[float]] = {name: [0.0] * rounds for name in classifiers}
    networks: dict[str, list[float]] = {name: [0.0] * rounds for name in classifiers}
    for number in range(rounds):
        for place, path in enumerate(readable):
            turns = _turns(list(classifiers), number + place)
            decoded = _decoded([classifiers[name] for name in turns], path)
            for name in turns:
                networks[name][number] += _network_seconds(classifiers[name], decoded[_seen(classifiers[name])])
            decoded.clear()
            for name in turns:
                whole[name][number] += classifiers[name].classify(path).seconds
    return {
        name: Timing(videos=len(readable), seconds=tuple(whole[name]), network_seconds=tuple(networks[name]))
        for name in classifiers
    }


def _warm_up(classifiers: Mapping[str, Classifier], videos: Sequence[Path]) -> list[Path]:
    """Let every bundle classify the first readable video; returns all that can be read."""
    readable: list[Path] = []
    first_error: DecodeError | None = None
    for path in videos:
        try:
            if readable:
                _decoded(list(classifiers.values())[:1], path)
            else:
                for classifier in classifiers.values():
                    classifier.classify(path)
        except DecodeError as error:
            first_error = first_error or error
            continue
        readable.append(path)
    if not readable:
        raise DataError(f"no video to measure wall time on: {first_error or 'none was given'}")
    return readable


def _turns(names: list[str], number: int) -> list[str]:
    """The names in a circle, another one first each time."""
    first = number % len(names) if names else 0
    return names[first:] + names[:first]


def _seen(classifier: Classifier) -> tuple[ClipConfig, TransformConfig]:
    """What decides which pixels a classifier sees of a video."""
    config = classifier.bundle.config
    return config.clips, config.transform


def _decoded(classifiers: Sequence[Classifier], path: Path) -> dict[tuple[ClipConfig, TransformConfig], list[Tensor]]:
    """The clips of a video as each classifier wants them, float32 [B = 1, C, T, S, S] each; alike ones once."""
    clips: dict[tuple[ClipConfig, TransformConfig], list[Tensor]] = {}
    for classifier in classifiers:
        if _seen(classifier) not in clips:
            clips[_seen(classifier)] = [
                classifier.decoder.on_device(clip.pixels) for clip in classifier.decoder.read(path)
            ]
    return clips


def _network_seconds(classifier: Classifier, clips: Sequence[Tensor]) -> float:
    """Wall time of the model over a video's clips; after each one the answer is fetched, as `classify` does."""
    state: State | None = None
    began = perf_counter()
    with torch.inference_mode():
        for clip in clips:
            log_probabilities, state = classifier.model.step(clip, state)
            log_probabilities.argmax().item()
    return perf_counter() - began
