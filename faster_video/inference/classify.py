"""A video file in, its label out, with the answer after every clip on the way.

Shapes: B = 1 video, C colours, T frames of a clip, S side of the crop, K classes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from faster_video.bundle import Bundle, load_bundle
from faster_video.cost import VideoCost, video_cost
from faster_video.device import choose_device
from faster_video.errors import ConfigError, DecodeError
from faster_video.files import printable
from faster_video.inference.ahead import ahead
from faster_video.inference.answers import Classification, ClipAnswer, Failure
from faster_video.inference.decoding import ClipDecoder, DecodedClip
from faster_video.inference.engine import AUTO, on_engine
from faster_video.inference.side_by_side import side_by_side
from faster_video.model import State

CLIPS_AHEAD = 3
"""Decoded clips that wait for the networks at most, beside the one that is being decoded."""
SMALL_GMACS = 0.2
"""Of the mean clip of a video that is left to one core (benchmarks/folder.py)."""
DEFAULT_BUNDLE = Path(__file__).parent.parent / "default"
"""The trained bundle that comes with the package."""


class Classifier:
    """A bundle ready to run on one device. It takes over the bundle's model and moves it there."""

    def __init__(self, bundle: Bundle, device: str = "auto", engine: str = AUTO) -> None:
        """Take the bundle.

        Raises:
            ConfigError: it sees feature maps made elsewhere and no videos, or there is no such device or engine here.
            EngineError: the engine does not work on this machine.
        """
        if bundle.config.model.takes_features:
            raise ConfigError(
                "this bundle was trained on features that another model made, so it cannot look at videos; "
                "faster-video evaluate BUNDLE FOLDER judges it on a folder of such features"
            )
        self.bundle = bundle
        self.device = choose_device(device)
        self.decoder = ClipDecoder(bundle.config.clips, bundle.config.transform, self.device)
        self.model, self.engine = on_engine(bundle.model.eval().to(self.device), engine, self.device)

    @property
    def cost(self) -> VideoCost:
        """GMACs of a video, clip by clip."""
        config = self.bundle.config
        return video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))

    def classify(self, path: str | Path) -> Classification:
        """The labels of the video in `path`, and the answer after every clip.

        Raises:
            DecodeError: the file cannot be read as video; the message starts with its name.
        """
        (result,) = self.classify_many([Path(path)])
        if isinstance(result, Failure):
            raise DecodeError(f"{printable(path)}: {result.reason}")
        return result

    def classify_many(self, paths: Iterable[Path | Failure]) -> Iterator[Classification | Failure]:
        """One result per path, each as soon as it is known; a file that cannot be read becomes a `Failure`.

        `paths` is read ahead: while networks compute a clip, the next ones are decoded in a thread, those of the next
        file too; and networks too small for all cores take a file per core. A `Failure` among the paths is passed on in
        its turn.
        """
        paths = iter(paths)
        first = list(islice(paths, 2))
        cores = torch.get_num_threads()
        if len(first) < 2 or cores == 1 or not self._are_clips_small():
            yield from self._results(ahead(self.decoder.decode(chain(first, paths)), CLIPS_AHEAD))
            return
        began = perf_counter()
        for result in side_by_side(self._alone, chain(first, paths), cores):
            is_read = isinstance(result, Classification)
            yield replace(result, seconds=perf_counter() - began) if is_read else result
            began = perf_counter()

    def _are_clips_small(self) -> bool:
        """Whether one core computes a clip about as quickly as all of them."""
        return self.device.type == "cpu" and self.cost.gmacs < SMALL_GMACS * self.cost.num_clips

    def _alone(self, path: Path | Failure) -> Classification | Failure:
        """One file in the thread that asks."""
        (result,) = self._results(self.decoder.decode([path]))
        return result

    def _results(self, decoded_clips: Iterable[DecodedClip | Failure]) -> Iterator[Classification | Failure]:
        """One result per file from its decoded clips, or from the failure that ends them."""
        cost, began = self.cost, perf_counter()
        clips: list[ClipAnswer] = []
        state: State | None = None
        seconds_decoding = seconds_model = 0.0
        for decoded in decoded_clips:
            if isinstance(decoded, Failure) or decoded.number == 0:
                clips, state, seconds_decoding, seconds_model = [], None, 0.0, 0.0
            if isinstance(decoded, Failure):
                yield decoded
                began = perf_counter()
                continue
            computing = perf_counter()
            probabilities, state = self._step(decoded.pixels, state)
            seconds_model += perf_counter() - computing
            self.decoder.give_back(decoded)
            seconds_decoding += decoded.seconds_decoding
            clips.append(self._answer(decoded, probabilities, cost))
            if len(clips) == len(cost.gmacs_after_each_clip):
                yield Classification(
                    path=decoded.path,
                    classes=self.bundle.labels,
                    pattern=str(cost.pattern),
                    clips=clips,
                    gmacs_all_expensive=cost.all_expensive_gmacs,
                    video_seconds=decoded.video_seconds,
                    seconds=perf_counter() - began,
                    seconds_decoding=seconds_decoding,
                    seconds_model=seconds_model,
                )
                began = perf_counter()

    @torch.inference_mode()
    def _step(self, pixels: Tensor, state: State | None) -> tuple[list[float], State]:
        """Probabilities of the K labels once this clip [B, C, T, S, S] is known, and the state for the next."""
        log_probabilities, state = self.model.step(pixels, state)
        return log_probabilities[0].double().softmax(dim=0).tolist(), state

    def _answer(self, clip: DecodedClip, probabilities: list[float], cost: VideoCost) -> ClipAnswer:
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return ClipAnswer(
            start_seconds=clip.start_seconds,
            end_seconds=clip.end_seconds,
            expensive=cost.pattern.is_expensive(clip.number),
            label=self.bundle.labels[best],
            probability=probabilities[best],
            probabilities=probabilities,
            gmacs=cost.gmacs_after_each_clip[clip.number],
        )


def load(
    bundle: str | Path | None = None, *, pattern: str | None = None, device: str = "auto", engine: str = AUTO
) -> Classifier:
    """A classifier from a bundle folder; None takes the bundle that comes with the package.

    `pattern` (`E:C` or `first`) replaces the one that the bundle was trained with; `engine` (auto, eager, native) runs
    the clip networks and FAST-GRU.

    Raises:
        BundleError: the folder is not a usable bundle.
        ConfigError: the pattern is not one, or the device or the engine does not exist here.
        EngineError: the engine does not work on this machine.
    """
    loaded = load_bundle(DEFAULT_BUNDLE if bundle is None else bundle)
    if pattern is not None:
        loaded = loaded.with_pattern(pattern)
    return Classifier(loaded, device, engine)
