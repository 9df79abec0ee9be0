"""On a GPU: everything that happens to a video's clips, captured once as a CUDA graph and replayed.

A whole FASTER16 is about a thousand small kernels, each started from Python otherwise.

Shapes: N clips at once, C colours, T frames of a clip, S side of the crop, K classes.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from faster_video.clips import normalize
from faster_video.config import TransformConfig
from faster_video.errors import FasterVideoWarning, first_line
from faster_video.model import Faster, State

WARM_UPS = 2
"""Runs before a capture, in which cuDNN and the compiler choose what they run."""
MOST_CAPTURES = 8
"""Kept of a model; the one that was not used for longest is dropped."""
Key = tuple[torch.Size, tuple[bool, ...], bool]
"""Size of a clip, which of the clips are expensive, and whether the first begins a video."""
_CAPTURING = Lock()
"""Only one capture may be under way in a process."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A graph and the memory that it reads and writes."""

    replay: Callable[[], None]
    clips: Tensor
    """uint8 [1, N, C, T, S, S]."""
    before: State | None
    answers: Tensor
    """[1, N, K]."""
    after: State


class GraphedSteps:
    """`Faster.steps` of 8-bit clips of one video, on the model's device; what cannot be captured runs as it is.

    Threads may share it; they take turns.
    """

    def __init__(self, model: Faster, transform: TransformConfig, device: torch.device) -> None:
        self._model, self._transform, self._device = model, transform, device
        self._captures: dict[Key, Capture] = {}
        self._stream: Any = None
        """On which all captures are made, as they compute in the same memory."""
        self._pool: Any = None
        self._in_use = Lock()
        self.can_capture = device.type == "cuda"

    @torch.inference_mode()
    def __call__(self, clips: Sequence[Tensor], state: State | None = None) -> tuple[Tensor, State]:
        """Clips uint8 [1, C, T, S, S], best in pinned memory: log-probabilities [1, N, K], and the state after them."""
        seen = 0 if state is None else state.clips_seen
        flags = tuple(self._model.pattern.is_expensive(seen + number) for number in range(len(clips)))
        with self._in_use:
            capture = self._capture_of((clips[0].shape[1:], flags, state is None))
            if capture is None:
                sent = torch.stack([clip.to(self._device, non_blocking=True) for clip in clips], dim=1)
                return self._steps(sent, state)
            for number, clip in enumerate(clips):
                capture.clips[:, number].copy_(clip, non_blocking=True)
            if state is not None and capture.before is not None:
                capture.before.hidden.copy_(state.hidden)
            capture.replay()
            return capture.answers.clone(), State(capture.after.hidden.clone(), seen + len(clips))

    def _capture_of(self, key: Key) -> Capture | None:
        """The one that was made before, or a new one; None where none can be made."""
        if not self.can_capture:
            return None
        found = self._captures.pop(key, None) or self._try_capture(key)
        if found is not None:
            self._captures[key] = found  # the last one used is the last one dropped
            if len(self._captures) > MOST_CAPTURES:
                del self._captures[next(iter(self._captures))]
        return found

    def _steps(self, clips: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self._model.steps(normalize(clips, self._transform), state)

    def _try_capture(self, key: Key) -> Capture | None:
        """A capture; None, and said, if something in there waits for the GPU or the processor takes part."""
        size, flags, begins = key
        clips = torch.zeros(1, len(flags), *size, dtype=torch.uint8, device=self._device)
        with torch.cuda.device(self._device):
            if self._stream is None:
                self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                before = None if begins else self._some_state(clips[:, :1], flags)
                for _ in range(WARM_UPS):
                    self._steps(clips, before)
            torch.cuda.current_stream().wait_stream(self._stream)
            try:
                return self._captured(clips, before)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self.can_capture = False
                message = f"the networks cannot be replayed as a CUDA graph, which is slower: {first_line(error)}"
                warnings.warn(message, FasterVideoWarning, stacklevel=4)
                return None

    def _captured(self, clips: Tensor, before: State | None) -> Capture:
        graph = torch.cuda.CUDAGraph()
        # Another thread may pin memory meanwhile, which is no business of this capture.
        with (
            _CAPTURING,
            torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"),
        ):
            answers, after = self._steps(clips, before)
        self._pool = graph.pool()

        def replay() -> None:
            with torch.cuda.device(self._device):
                graph.replay()

        return Capture(replay, clips, before, answers, after)

    def _some_state(self, clip: Tensor, flags: tuple[bool, ...]) -> State:
        """After some first clip; as many clips seen as the pattern needs for these flags to come next."""
        is_expensive = self._model.pattern.is_expensive
        seen = next(s for s in count(1) if all(is_expensive(s + place) is flag for place, flag in enumerate(flags)))
        return replace(self._steps(clip, None)[1], clips_seen=seen)
