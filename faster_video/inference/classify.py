"""A video file in, its label out, with the answer after every clip on the way.

Shapes: B = 1 video, C colours, T frames of a clip, S side of the crop, K classes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.children import usable_cores
from faster_video.config import require_at_least, require_at_most
from faster_video.cost import VideoCost, clip_gmacs, video_cost
from faster_video.device import choose_device
from faster_video.engine import AUTO, FLOAT32, INT8, Work, on_engine, require_precision
from faster_video.engine.graphs import GraphedSteps
from faster_video.errors import ConfigError, DecodeError
from faster_video.files import printable
from faster_video.inference.ahead import ahead, several_ahead
from faster_video.inference.answers import Classification, Failure
from faster_video.inference.calibration import calibration_of
from faster_video.inference.decoding import ClipDecoder, DecodedClip
from faster_video.inference.processes import classify_in_processes
from faster_video.inference.so_far import SoFar
from faster_video.model import State
from faster_video.pattern import Pattern
from faster_video.policy import StopRule

BYTES_AHEAD = 1 << 30
"""Of the pixels that wait for a GPU at most; every core decodes a file of its own as far as they allow."""
CLIPS_AHEAD = 3
"""Decoded clips that wait for the networks at most, beside the one that is being decoded."""
MOST_PIXELS = 1 << 24
"""Of the clips that go through the networks together on a GPU (T·S·S of each): 20 of 16 frames at 224 pixels."""
SMALL_PIXELS = 1 << 18
"""Of those on a processor: 14 of 8 frames at 48 pixels."""
SMALL_GMACS = 0.1
"""Of the mean clip of a video, below which one core computes it about as quickly as two (benchmarks/folder.py)."""
MOST_PROCESSES = max(2, usable_cores())
MANY_FILES = 300
"""From which on starting processes, which takes seconds, pays."""


class Classifier:
    """A bundle ready to run on one device. It takes over the bundle's model and moves it there."""

    def __init__(
        self,
        bundle: Bundle,
        device: str = "auto",
        engine: str = AUTO,
        *,
        precision: str = FLOAT32,
        calibrate: str | Path | None = None,
        videos: int | None = None,
        stop: StopRule | None = None,
    ) -> None:
        """Take the bundle.

        `stop` says when a video is known well enough for the rest of its clips to be left out. `calibrate` is a folder
        of videos like those to come, which int8 needs; `videos` is how many are to come, if that is known, by which
        `auto` sees whether an engine pays that takes long to prepare.

        Raises:
            ConfigError: it sees feature maps made elsewhere and no videos; there is no such device, engine or precision
                here; or there is a folder and the precision is not int8, or none and it is.
            DataError: there is no video in the folder.
            EngineError: the engine does not work on this machine.
        """
        self.device = choose_device(device)
        require_precision(precision, engine, self.device)
        if calibrate is not None and precision != INT8:
            raise ConfigError(
                f"calibrate is {str(calibrate)!r}, which is for the precision int8, and precision is {precision!r}; "
                "leave one of them out"
            )
        if bundle.config.model.takes_features:
            raise ConfigError(
                "this bundle was trained on features that another model made, so it cannot look at videos; "
                "faster-video evaluate BUNDLE FOLDER judges it on a folder of such features"
            )
        self.bundle = bundle
        self.stop = stop
        self.decoder = ClipDecoder(bundle.config.clips, bundle.config.transform, self.device)
        self.precision = precision
        size = torch.Size((bundle.config.clips.frames_per_clip, *2 * (bundle.config.transform.crop_size,)))  # T, S, S
        self.model, self.engine = on_engine(
            bundle.model.eval().to(self.device),
            engine,
            self.device,
            precision=precision,
            calibration=None if calibrate is None else calibration_of(calibrate, self.decoder),
            work=Work(clip_size=torch.Size((3, *size)), gmacs=None if videos is None else videos * self.cost.gmacs),
        )
        self._graphed = GraphedSteps(self.model, self.decoder.transform, self.device) if self._is_on_gpu else None
        self._make = partial(
            Classifier, bundle, device, self.engine, precision=precision, calibrate=calibrate, stop=stop
        )
        # A GPU is quick with many clips at once; a processor with maps that fit its cache, if that is enough work.
        together = max(1, (MOST_PIXELS if self._is_on_gpu else SMALL_PIXELS) // size.numel())
        self.clips_together = whole_groups(together, self.model.pattern) if self._is_on_gpu else together
        if stop is not None or self.model.gate_threshold is not None:
            self.clips_together = 1  # what is known after a clip decides about the next

    @property
    def _is_on_gpu(self) -> bool:
        return self.device.type != "cpu"

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

    def classify_many(self, paths: Iterable[Path | Failure], processes: int = 1) -> Iterator[Classification | Failure]:
        """One result per path, each as soon as it is known; a file that cannot be read becomes a `Failure`.

        While networks compute a clip, the next ones are decoded in a thread, those of the next file too: `paths` is
        read ahead. Several `processes` have files of their own and one core each. A `Failure` among the paths is passed
        on in its turn.

        Raises:
            ConfigError: `processes` is less than 1, more than the cores, or more than 1 and the device is no processor.
            EngineError: one of the processes has died.
        """
        require_at_least("processes", processes, 1)
        require_at_most("processes", processes, MOST_PROCESSES)
        if processes == 1:
            yield from self.results(paths)
            return
        if self.device.type != "cpu":
            raise ConfigError(f"processes is {processes} and device is {self.device}; only cores can be shared out")
        began = perf_counter()
        for result in classify_in_processes(self._make, paths, processes):
            yield replace(result, seconds=perf_counter() - began) if isinstance(result, Classification) else result
            began = perf_counter()

    def processes_for(self, num_files: int) -> int:
        """How many processes are quickest: one per core for many files and networks that are small."""
        is_small = self.cost.gmacs < SMALL_GMACS * self.cost.num_clips
        return torch.get_num_threads() if is_small and num_files >= MANY_FILES and self.device.type == "cpu" else 1

    def results(self, paths: Iterable[Path | Failure]) -> Iterator[Classification | Failure]:
        """`classify_many` in this process."""
        num_clips, began = self.cost.num_clips, perf_counter()
        video = SoFar(self)
        waiting: list[DecodedClip] = []
        state: State | None = None
        for decoded in self._decoded(paths):
            if not decoded.wanted.more:  # decoded before the video was known
                if isinstance(decoded, DecodedClip):
                    self.decoder.give_back(decoded)
                continue
            if isinstance(decoded, Failure) or decoded.number == 0:
                video, waiting, state = SoFar(self), [], None
            if isinstance(decoded, Failure):
                yield decoded
                began = perf_counter()
                continue
            waiting.append(decoded)
            video.seconds_decoding += decoded.seconds_decoding
            if len(waiting) < self.clips_together and decoded.number + 1 < num_clips:
                continue
            computing = perf_counter()
            probabilities, flags, state = self.steps([clip.pixels for clip in waiting], state)
            video.seconds_model += perf_counter() - computing
            for clip, of_clip, expensive in zip(waiting, probabilities, flags, strict=True):
                video.add(clip, of_clip, expensive=expensive)
                self.decoder.give_back(clip)
            waiting = []
            decoded.wanted.more = not video.is_known
            if video.is_done:
                yield video.classification(decoded.path, perf_counter() - began)
                began = perf_counter()

    def _decoded(self, paths: Iterable[Path | Failure]) -> Iterator[DecodedClip | Failure]:
        """Clips of the files in their order, decoded ahead: in one thread where the networks need the cores."""
        if not self._is_on_gpu:
            return ahead(self.decoder.decode(paths), CLIPS_AHEAD)
        clips, side = self.bundle.config.clips, self.bundle.config.transform.crop_size
        bytes_of_file = clips.num_clips * clips.frames_per_clip * side * side * 3
        at_once = max(3, min(usable_cores(), BYTES_AHEAD // bytes_of_file))
        most = max(1, min(clips.num_clips, BYTES_AHEAD * clips.num_clips // (at_once * bytes_of_file)))
        return several_ahead((self.decoder.decode([path]) for path in paths), most, at_once)

    @torch.inference_mode()
    def steps(self, clips: list[Tensor], state: State | None) -> tuple[list[list[float]], list[bool], State]:
        """Probabilities of the K labels after each of these `DecodedClip.pixels`, which of them were expensive, and the
        state for the next."""
        seen = 0 if state is None else state.clips_seen
        flags = [self.model.pattern.is_expensive(seen + number) for number in range(len(clips))]
        if self.model.gate_threshold is not None:  # and the clips come one by one
            features, expensive = self.model.look(self.decoder.on_device(clips[0]), state)
            answer, state = self.model.fold(features, state, expensive=expensive)
            log_probabilities, flags = answer[:, None], [expensive]  # [B, 1, K]
        elif self._graphed is not None:
            log_probabilities, state = self._graphed(clips, state)
        elif len(clips) == 1:  # as it lies in memory
            answer, state = self.model.step(clips[0], state)
            log_probabilities = answer[:, None]  # [B, 1, K]
        else:
            log_probabilities, state = self.model.steps(torch.stack(clips, dim=1), state)
        answers = log_probabilities[0].cpu()  # a GPU is waited for once
        return [self.probabilities(answer) for answer in answers], flags, state

    def probabilities(self, log_probabilities: Tensor) -> list[float]:
        """Of the K labels, as the bundle is calibrated: from the model's log-probabilities [K]."""
        temperature = self.bundle.config.calibration.temperature
        found: list[float] = (log_probabilities.double() / temperature).softmax(dim=-1).tolist()
        return found

    def step_gmacs(self, *, expensive: bool, first: bool) -> float:
        """What a clip costs that this network sees, whether pattern or gate chose it; `first`: there is no past."""
        return clip_gmacs(self.cost, self.model, expensive=expensive, first=first)


def whole_groups(clips: int, pattern: Pattern) -> int:
    """Of so many clips as many as make whole groups of the pattern, so that all batches but the first are alike."""
    group = pattern.expensive + (pattern.cheap or 0)
    return max(clips - clips % group, 1) if group <= clips else clips
