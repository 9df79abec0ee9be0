"""Frames in, an answer after every clip: the same steps as for a file, with a state that goes on as long as wanted.

Shapes: B = 1 stream, C colours, T frames of a clip, H W their height and width, S side of the crop, K classes.
"""

from time import perf_counter

import numpy as np
import torch
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from faster_video.cost import VideoCost
from faster_video.errors import ConfigError
from faster_video.inference import Classifier
from faster_video.model import ClipModel
from faster_video.streaming.answers import StreamAnswer
from faster_video.streaming.config import USUAL_FPS, StreamConfig
from faster_video.streaming.cutter import ClipCutter, StreamFrame
from faster_video.streaming.identity import SourceMark
from faster_video.streaming.memory import StreamMemory
from faster_video.streaming.viewer import FrameViewer, ViewedFrame
from faster_video.video.view import Pixels

CUT_STEP = 8
"""Every eighth row and column of a picture is looked at for cuts."""


class Stream:
    """One live video through a bundle, in memory that does not grow.

    Fed the frames of a file it gives the answers that `Classifier.classify` gives for the same clips, on a processor to
    the last bit if that takes them one by one.
    """

    def __init__(
        self,
        classifier: Classifier,
        config: StreamConfig | None = None,
        *,
        fps: float = USUAL_FPS,
        model: ClipModel | None = None,
    ) -> None:
        """A stream that nothing was seen of; `fps` is the source's frames per second, where it gives no times.

        `model` computes the networks where that is not the classifier's own, as where several streams share it.

        Raises:
            ConfigError: `fps` is not above 0.
        """
        if not 0 < fps < float("inf"):
            raise ConfigError(f"fps is {fps}; it must be a number above 0")
        self.classifier = classifier
        self.model: ClipModel = classifier.model if model is None else model
        self.config = StreamConfig() if config is None else config
        self.fps = fps
        every = None if self.config.every_seconds is None else max(1, round(self.config.every_seconds * fps))
        self.cutter = ClipCutter(classifier.bundle.config.clips, every)
        self.memory = StreamMemory(reset_seconds=self.config.reset_seconds, window_seconds=self.config.window_seconds)
        self.answers = 0
        """Given so far."""
        self.gmacs = 0.0
        """Spent so far."""
        self.smoothed: list[float] | None = None
        """Probabilities [K]; None before the first clip."""
        self.seconds = -1 / fps
        """When the last frame was shown."""
        self.viewer = FrameViewer(classifier.bundle.config.transform)
        self.source: SourceMark | None = None
        """Of what it was last fed by `stream_answers`."""
        self.ended = False
        """Whether that has ended, and not by an error."""
        self._answered_at = 0
        """Number of the frame that was next at the last answer."""
        self.before: NDArray[np.int16] | None = None
        """Of the last picture, what is compared to find cuts."""

    @property
    def cost(self) -> VideoCost:
        """GMACs of each part."""
        return self.classifier.cost

    @property
    def clips_dropped(self) -> int:
        """Whole clips that were passed over so far."""
        return self.cutter.clips_dropped

    def push(
        self,
        frame: Pixels | VideoFrame | ViewedFrame,
        seconds: float | None = None,
        *,
        late: bool = False,
        arrived: float | None = None,
    ) -> StreamAnswer | None:
        """Take the next frame, RGB uint8 [H, W, 3], PyAV's or viewed; the answer, if it is the last one of a clip.

        `seconds` is when it is shown; None is one frame later than the one before. The size of frames may change. A
        clip that begins with a frame that is `late` is dropped: its frames are not converted, and it is counted when it
        would have been whole. So is a clip that ends with such a frame and had begun before the last answer, as where
        clips overlap. `arrived` is when the frame came, by `time.perf_counter`; None is now.

        Raises:
            ConfigError: an array of another kind, or a frame that is shown before the one before it.
        """
        arrived = perf_counter() if arrived is None else arrived
        seconds = self.seconds + 1 / self.fps if seconds is None else seconds
        if not self.seconds < seconds < float("inf"):
            raise ConfigError(
                f"seconds is {seconds}; a frame must be shown later than the one before it, at {self.seconds}"
            )
        if late:
            self.cutter.drop()
            if self.cutter.next_start < self._answered_at:
                self.cutter.drop_ending()
        looks_for_cuts = self.config.cut_threshold is not None and not (late or self.cutter.drops_next)
        picture = self.viewer(frame) if self.cutter.wants_next or looks_for_cuts else None
        self.seconds = seconds
        if self.config.cut_threshold is not None and picture is not None and self._is_cut(picture):
            self.forget()
            if late:
                self.cutter.drop()
        clip = self.cutter.push(picture if self.cutter.wants_next else None, seconds)
        return None if clip is None else self._answer(clip, arrived)

    def lose(self, frames: int) -> None:
        """Count so many frames that came before the next one and that nobody has; clips that need them are dropped."""
        self.cutter.lose(frames)

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
        model = self.model
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
        self._answered_at = self.cutter.frames_seen
        return answer

    def _count(self, expensive: bool) -> None:
        """Add what the next clip costs: the network once, and what comes after it for every state."""
        first_clips = self.memory.first_clips()
        asks = self.model.gate_threshold is not None and not any(first_clips)
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

    def _is_cut(self, picture: Pixels) -> bool:
        """Whether the picture is of another scene than the one before it."""
        now = picture[::CUT_STEP, ::CUT_STEP].astype(np.int16)
        before, self.before = self.before, now
        return before is not None and float(np.abs(now - before).mean()) > 255 * (self.config.cut_threshold or 0)
