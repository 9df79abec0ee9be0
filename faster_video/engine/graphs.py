"""On a GPU: everything that happens to a video's clips, recorded once as a CUDA graph and replayed.

A whole FASTER16 is about a thousand small kernels; started one by one from Python they take longer than they compute.

Shapes: N clips at once, C colours, T frames of a clip, S side of the crop, K classes.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch
from torch import Tensor

from faster_video.clips import normalize
from faster_video.config import TransformConfig
from faster_video.engine.layers import Recent
from faster_video.errors import FasterVideoWarning
from faster_video.model import Faster, State

WARM_UPS = 2
"""Runs before the recording, in which cuDNN and the compiler choose what they run."""
Key = tuple[torch.Size, tuple[bool, ...], bool]
"""Size of a clip, which of the clips are expensive, and whether the first begins a video."""


@dataclass(frozen=True, slots=True)
class _Recording:
    """A graph and the memory that it reads and writes."""

    replay: Callable[[], None]
    clips: Tensor
    """uint8 [1, N, C, T, S, S]."""
    before: State | None
    answers: Tensor
    """[1, N, K]."""
    after: State


class GraphedSteps:
    """`Faster.steps` of 8-bit clips of one video, on the model's device; what cannot be recorded runs as it is."""

    def __init__(self, model: Faster, transform: TransformConfig, device: torch.device) -> None:
        self._model, self._transform, self._device = model, transform, device
        self._recordings = Recent[Key, _Recording](self._record)
        self._pool: Any = None
        """Memory that all recordings compute in, one after the other."""
        self._can_record = device.type == "cuda"

    @torch.inference_mode()
    def __call__(self, clips: Sequence[Tensor], state: State | None = None) -> tuple[Tensor, State]:
        """Clips uint8 [1, C, T, S, S], best in pinned memory: log-probabilities [1, N, K], and the state after them."""
        seen = 0 if state is None else state.clips_seen
        flags = tuple(self._model.pattern.is_expensive(seen + number) for number in range(len(clips)))
        if self._can_record:
            try:
                recording = self._recordings[clips[0].shape[1:], flags, state is None]
            except RuntimeError as error:
                self._can_record = False
                reason = str(error).strip().splitlines()[0]
                message = f"the networks cannot be replayed as a CUDA graph, which is slower: {reason}"
                warnings.warn(message, FasterVideoWarning, stacklevel=2)
        if not self._can_record:
            sent = torch.stack([clip.to(self._device, non_blocking=True) for clip in clips], dim=1)
            return self._steps(sent, state)
        for number, clip in enumerate(clips):
            recording.clips[:, number].copy_(clip, non_blocking=True)
        if state is not None and recording.before is not None:
            recording.before.hidden.copy_(state.hidden)
        recording.replay()
        return recording.answers.clone(), State(recording.after.hidden.clone(), seen + len(clips))

    def _steps(self, clips: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self._model.steps(normalize(clips, self._transform), state)

    def _record(self, key: Key) -> _Recording:
        """Raises RuntimeError: something in there waits for the GPU, or the processor takes part."""
        size, flags, begins = key
        clips = torch.zeros(1, len(flags), *size, dtype=torch.uint8, device=self._device)
        beside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            before = None if begins else self._some_state(clips[:, :1], flags)
            for _ in range(WARM_UPS):
                self._steps(clips, before)
        torch.cuda.current_stream(self._device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        # Another thread may pin memory meanwhile, which is no business of this recording.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            answers, after = self._steps(clips, before)
        self._pool = graph.pool()
        return _Recording(graph.replay, clips, before, answers, after)

    def _some_state(self, clip: Tensor, flags: tuple[bool, ...]) -> State:
        """After some first clip; as many clips seen as the pattern needs for these flags to come next."""
        is_expensive = self._model.pattern.is_expensive
        seen = next(s for s in count(1) if all(is_expensive(s + place) is flag for place, flag in enumerate(flags)))
        return replace(self._steps(clip, None)[1], clips_seen=seen)
