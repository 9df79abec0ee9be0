"""Frames in, an answer after every clip: the same steps as for a file, with a state that goes on as long as wanted.

Shapes: B = 1 stream, C colours, T frames of a clip, H W their height and width, S side of the crop, K classes.
"""

from time import perf_counter

import numpy as np
import torch
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from faster_video.clips import test_view
from faster_video.cost import VideoCost
from faster_video.errors import ConfigError
from faster_video.inference import Classifier
from faster_video.streaming.answers import StreamAnswer
from faster_video.streaming.config import USUAL_FPS, StreamConfig
from faster_video.streaming.cutter import ClipCutter, StreamFrame
from faster_video.streaming.memory import StreamMemory
from faster_video.video.pixels import Orientation, PictureKind, RgbConverter
from faster_video.video.view import Pixels, View

CUT_STEP = 8
"""Every eighth row and column of a picture is looked at for cuts."""


class Stream:
    """One live video through a bundle, in memory that does not grow.

    Fed the frames of a file it gives the answers that `Classifier.classify` gives for the same clips, on a processor to
    the last bit if that takes them one by one.
    """

    def __init__(self, classifier: Classifier, config: StreamConfig | None = None, *, fps: float = USUAL_FPS) -> None:
        """A stream that nothing was seen of; `fps` is the source's frames per second, where it gives no times.

        Raises:
            ConfigError: `fps` is not above 0.
        """
        if not 0 < fps < float("inf"):
            raise ConfigError(f"fps is {fps}; it must be a number above 0")
        self.classifier = classifier
        self.config = StreamConfig() if config is None else config
        self.fps = fps
        every = None if self.config.every_seconds is None else max(1, round(self.config.every_seconds * fps))
        self.cutter = ClipCutter(classifier.bundle.config.clips, every)
        self.memory = StreamMemory(reset_seconds=self.config.reset_seconds, window_seconds=self.config.window_seconds)
        self.answers = 0
        """Given so far."""
        self.clips_dropped = 0
        self.gmacs = 0.0
        """Spent so far."""
        self.smoothed: list[float] | None = None
        """Probabilities [K]; None before the first clip."""
        self.seconds = -1 / fps
        """When the last frame was shown."""
        self.first: tuple[PictureKind, Orientation] | None = None
        """What is known of the first of PyAV's frames, after which the others are made."""
        self._converter: RgbConverter | None = None
        self._view: View | None = None
        self.before: NDArray[np.int16] | None = None
        """Of the last picture, what is compared to find cuts."""

    @property
    def cost(self) -> VideoCost:
        """GMACs of each part."""
        return self.classifier.cost

    def push(
        self,
        frame: Pixels | VideoFrame,
        seconds: float | None = None,
        *,
        drop: bool = False,
        arrived: float | None = None,
    ) -> StreamAnswer | None:
        """Take the next frame, RGB uint8 [H, W, 3] or PyAV's; the answer, if it is the last one of a clip.

        `seconds` is when it is shown; None is one frame later than the one before. The size of frames may change. With
        `drop` a clip that ends with this frame is passed over and counted. `arrived` is when it came, by
        `time.perf_counter`; None is now.

        Raises:
            ConfigError: an array of another kind, or a frame that is shown before the one before it.
        """
        arrived = perf_counter() if arrived is None else arrived
        seconds = self.seconds + 1 / self.fps if seconds is None else seconds
        if not self.seconds < seconds < float("inf"):
            raise ConfigError(
                f"seconds is {seconds}; a frame must be shown later than the one before it, at {self.seconds}"
            )
        looks_for_cuts = self.config.cut_threshold is not None
        picture = self._seen(frame) if self.cutter.wants_next or looks_for_cuts else None
        self.seconds = seconds
        if looks_for_cuts and picture is not None and self._is_cut(picture):
            self.forget()
        clip = self.cutter.push(picture if self.cutter.wants_next else None, seconds)
        if clip is None:
            return None
        if drop:
            self.clips_dropped += 1
            return None
        return self._answer(clip, arrived)

    def finish(self) -> StreamAnswer | None:
        """The answer for a stream that ended before its first clip was whole, as for a file so short; else None."""
        clip = None if self.answers or self.clips_dropped else self.cutter.pad()
        return None if clip is None else self._answer(clip, perf_counter())

    def forget(self) -> None:
        """Begin anew with the next frame, as at a cut."""
        self.memory.forget()
        self.cutter.restart()
        self.smoothed = None

    @torch.inference_mode()
    def _answer(self, clip: list[StreamFrame], arrived: float) -> StreamAnswer:
        model = self.classifier.model
        start_seconds = clip[0].seconds
        self.memory.begin_clip(start_seconds)
        since = self.memory.held[0].since_seconds
        decoder = self.classifier.decoder
        pixels = decoder.on_device(decoder.prepared([frame.picture for frame in clip]))
        features, expensive = self.memory.look(model, pixels)
        self._count(expensive)
        log_probabilities = self.memory.fold(model, features, expensive=expensive)
        probabilities: list[float] = self.classifier.probabilities(log_probabilities[0])
        smoothed = self._smooth(probabilities)
        labels = self.classifier.bundle.labels
        best, best_smoothed = (max(range(len(each)), key=each.__getitem__) for each in (probabilities, smoothed))
        end_seconds = clip[-1].seconds + 1 / self.fps
        answer = StreamAnswer(
            number=self.answers,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            covered_seconds=end_seconds - since,
            expensive=expensive,
            label=labels[best],
            probability=probabilities[best],
            smoothed_label=labels[best_smoothed],
            smoothed_probability=smoothed[best_smoothed],
            probabilities=probabilities,
            gmacs=self.gmacs,
            latency_seconds=perf_counter() - arrived,
            clips_dropped=self.clips_dropped,
            resets=self.memory.resets,
        )
        self.answers += 1
        return answer

    def _count(self, expensive: bool) -> None:
        """Add what the next clip costs: the network once, and what comes after it for every state."""
        first_clips = self.memory.first_clips()
        asks = self.classifier.model.gate_threshold is not None and not any(first_clips)
        step = self.classifier.step_gmacs if asks else self.cost.step_gmacs
        shared = self.cost.backbone_gmacs(expensive=expensive)
        if asks and expensive:
            shared += self.cost.backbone_gmacs(expensive=False)
        self.gmacs += sum(step(expensive=expensive, first=first) for first in first_clips)
        self.gmacs -= (len(first_clips) - 1) * shared

    def _smooth(self, probabilities: list[float]) -> list[float]:
        """A running mean over the clips since the past was last forgotten."""
        is_first = all(one.state is not None and one.state.clips_seen == 1 for one in self.memory.held[:1])
        if self.smoothed is None or (is_first and self.config.window_seconds is None):
            self.smoothed = probabilities
        else:
            share = self.config.smoothing
            pairs = zip(self.smoothed, probabilities, strict=True)
            self.smoothed = [share * before + (1 - share) * now for before, now in pairs]
        return self.smoothed

    def _seen(self, frame: Pixels | VideoFrame) -> Pixels:
        """What the networks see of a frame, [S, S, 3]."""
        transform = self.classifier.bundle.config.transform
        if isinstance(frame, VideoFrame):
            if self._converter is None or self._view is None:
                self.first = kind, orientation = self.first or (PictureKind.of(frame), Orientation.of(frame))
                self._converter = RgbConverter(kind, orientation)
                self._view = test_view(*orientation.shown_size(kind.height, kind.width), transform)
            return self._converter(frame, self._view)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise ConfigError(f"frame is {frame.dtype} {list(frame.shape)}; it must be uint8 [height, width, 3]")
        height, width, _ = frame.shape
        # A copy: cameras write the next picture where this one is.
        picture: Pixels = test_view(height, width, transform).of(frame[None])[0].copy()
        return picture

    def _is_cut(self, picture: Pixels) -> bool:
        """Whether the picture is of another scene than the one before it."""
        now = picture[::CUT_STEP, ::CUT_STEP].astype(np.int16)
        before, self.before = self.before, now
        return before is not None and float(np.abs(now - before).mean()) > 255 * (self.config.cut_threshold or 0)
