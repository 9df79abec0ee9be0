"""One model for the videos and streams of all users: what they ask for at the same time is computed together.

Shapes: B videos, C colours, T frames of a clip, S side of the crop, D channels, t h w feature map, K classes.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Generic, TypeVar

import torch
from torch import Tensor

from faster_video.inference import Classifier
from faster_video.model import State, look
from faster_video.pattern import Pattern

MOST_TOGETHER, MOST_TOGETHER_ON_GPU = 4, 16
"""Clips that go through a network at once."""
MOST_PIXELS, MOST_PIXELS_ON_GPU = 1 << 18, 1 << 24
"""Of those (T·S·S of each): on a processor more clips take longer together than one by one, since their maps leave the
cache; a GPU has only so much memory."""
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, eq=False)
class _Asked(Generic[Answer]):
    """Something to compute. What has the same key may be computed together."""

    key: tuple[object, ...]
    compute: Callable[[list["_Asked[Answer]"]], list[Answer]]
    inputs: tuple[Tensor, ...]
    answer: Future[Answer] = field(default_factory=Future)


class SharedModel:
    """A `ClipModel` for many threads, each of which waits for its own answers; one thread computes.

    Answers differ from those of the classifier's own model by rounding where clips went through a network together.
    """

    def __init__(self, classifier: Classifier, on_batch: Callable[[str, int], None] = lambda kind, size: None) -> None:
        """`on_batch` hears of what was computed (`expensive`, `cheap` or `fold`) and for how many videos."""
        self._model = classifier.model
        self._on_batch = on_batch
        clips, side = classifier.bundle.config.clips, classifier.bundle.config.transform.crop_size
        is_on_gpu = classifier.device.type != "cpu"
        pixels = MOST_PIXELS_ON_GPU if is_on_gpu else MOST_PIXELS
        fitting = max(1, pixels // (clips.frames_per_clip * side * side))
        self.most_together = min(fitting, MOST_TOGETHER_ON_GPU if is_on_gpu else MOST_TOGETHER)
        self._asked: deque[_Asked[object]] = deque()
        self._changed = Condition()
        self._is_closed = False
        self._threads = torch.get_num_threads()
        self._thread = Thread(target=self._work, name="networks", daemon=True)
        self._thread.start()

    @property
    def gate_threshold(self) -> float | None:
        """As of the model."""
        return self._model.gate_threshold

    @property
    def pattern(self) -> Pattern:
        """Of the model."""
        return self._model.pattern

    def step(self, clip: Tensor, state: State | None) -> tuple[Tensor, bool, State]:
        """Log-probabilities [1, K] once this clip [1, C, T, S, S] is known, whether it was expensive, the new state."""
        features, expensive = look(self, clip, state)
        log_probabilities, state = self.fold(features, state, expensive=expensive)
        return log_probabilities, expensive, state

    def features(self, clip: Tensor, *, expensive: bool) -> Tensor:
        """As `Faster.features`, of one video."""
        return self._wait(_Asked(("expensive" if expensive else "cheap", clip.shape), self._features, (clip,)))

    def fold(
        self, features: Tensor, state: State | None = None, *, expensive: bool | None = None
    ) -> tuple[Tensor, State]:
        """As `Faster.fold`, of one video."""
        seen = 0 if state is None else state.clips_seen
        flag = self.pattern.is_expensive(seen) if expensive is None else expensive
        hidden = () if state is None else (state.hidden,)
        key = ("fold", flag, features.shape, *(each.shape for each in hidden))
        log_probabilities, new = self._wait(_Asked(key, self._fold, (features, *hidden)))
        return log_probabilities, State(new, seen + 1)

    def gate_probability(self, cheap: Tensor, hidden: Tensor) -> Tensor:
        """As `Faster.gate_probability`, of one video."""
        return self._wait(_Asked(("gate", cheap.shape, hidden.shape), self._gate, (cheap, hidden)))

    def close(self) -> None:
        """Compute no more; whoever still waits gets an error."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait(self, asked: _Asked[Answer]) -> Answer:
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the model is closed")
            self._asked.append(asked)  # type: ignore[arg-type]
            self._changed.notify_all()
        return asked.answer.result()

    def _work(self) -> None:
        torch.set_num_threads(self._threads)  # PyTorch counts them for each thread
        while (together := self._next()) is not None:
            try:
                with torch.inference_mode():
                    answers = together[0].compute(together)
            except Exception as error:  # whoever waits must hear of it, and the others go on
                for asked in together:
                    asked.answer.set_exception(error)
                continue
            self._on_batch(str(together[0].key[0]), len(together))
            for asked, answer in zip(together, answers, strict=True):
                asked.answer.set_result(answer)

    def _next(self) -> list[_Asked[object]] | None:
        """The oldest thing asked for and what can be computed with it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._is_closed)
            if self._is_closed:
                for asked in self._asked:
                    asked.answer.set_exception(RuntimeError("the model is closed"))
                return None
            key = self._asked[0].key
            alike = [asked for asked in self._asked if asked.key == key][: self.most_together]
            for asked in alike:
                self._asked.remove(asked)
            return alike

    def _features(self, together: list[_Asked[Tensor]]) -> list[Tensor]:
        clips = torch.cat([asked.inputs[0] for asked in together]) if len(together) > 1 else together[0].inputs[0]
        maps = self._model.features(clips, expensive=together[0].key[0] == "expensive")
        return _one_by_one(maps)

    def _fold(self, together: list[_Asked[tuple[Tensor, Tensor]]]) -> list[tuple[Tensor, Tensor]]:
        features, *hidden = (torch.cat(parts) for parts in zip(*(asked.inputs for asked in together), strict=True))
        state = State(hidden[0], 1) if hidden else None
        flag = bool(together[0].key[1])
        log_probabilities, new = self._model.fold(features, state, expensive=flag)
        hiddens = [state.clone() for state in _one_by_one(new.hidden)]  # which outlive what was computed together
        return list(zip(_one_by_one(log_probabilities), hiddens, strict=True))

    def _gate(self, together: list[_Asked[Tensor]]) -> list[Tensor]:
        cheap, hidden = (torch.cat(parts) for parts in zip(*(asked.inputs for asked in together), strict=True))
        return _one_by_one(self._model.gate_probability(cheap, hidden))


def _one_by_one(of_all: Tensor) -> list[Tensor]:
    """[B, …] as B tensors [1, …]."""
    return [of_all[number : number + 1] for number in range(len(of_all))]
