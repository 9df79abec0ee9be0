"""FAST-GRU's products through the kernels in C.

Shapes: D channels, R = D/4 compressed channels, M places of the feature maps.
"""

import torch
from torch import Tensor, nn

from faster_video.aggregators import FastGru
from faster_video.engine.fused import Terms
from faster_video.engine.layers import Layers, Map, Recent
from faster_video.engine.library import load_library
from faster_video.engine.weights import Convolution, Window

ONE_PLACE = Window((1, 1, 1), (1, 1, 1), (0, 0, 0))


class NativeEquations:
    """`Equations` in float32 on a processor.

    A clip's terms are the same to the last bit whether they are computed alone or with those of others.

    Raises:
        EngineError: the kernels cannot be compiled or loaded here.
    """

    def __init__(self, given: FastGru) -> None:
        self.library = load_library()
        gates = (given.read_gate, given.update_gate)
        self.of_clip = tuple(
            map(_convolution, (given.read_gate.compress_clip, given.update_gate.compress_clip, given.clip_to_candidate))
        )
        """U_rx, U_zx and V_x."""
        self.of_gates = tuple((_convolution(gate.compress_hidden), _convolution(gate.restore)) for gate in gates)
        """U_o and W of the read gate and of the update gate."""
        self.hidden_to_candidate = _convolution(given.hidden_to_candidate)
        """V_o."""
        self._looks = Recent[int, _Look](lambda places: _Look(self, places))
        self._recurs = Recent[int, _Recur](lambda places: _Recur(self, places))

    def look(self, clip: Tensor) -> Terms:
        """The terms of the read gate [M, R], of the update gate [M, R] and of the candidate [M, D]."""
        with torch.inference_mode(False), torch.no_grad():
            return tuple(term.clone() for term in self._looks[len(clip)].run(self, clip))

    def recur(self, clip: Terms, hidden: Tensor) -> Tensor:
        """o_t [M, D] from the clip's terms and o_{t-1} [M, D]."""
        with torch.inference_mode(False), torch.no_grad():
            return self._recurs[len(hidden)].run(self, clip, hidden)


class _Look:
    """What is taken of M places, whatever the past."""

    def __init__(self, equations: NativeEquations, places: int) -> None:
        self._layers = Layers(equations.library.lanes())
        clip = _new_map(places, equations.hidden_to_candidate.channels_out)
        terms = [self._layers.convolve(clip, each, relu=False) for each in equations.of_clip]
        self._clip = _rows(clip)
        self._terms = tuple(map(_rows, terms))

    def run(self, equations: NativeEquations, clip: Tensor) -> Terms:
        """The terms of these places [M, D], good until the next run."""
        self._clip.copy_(clip)
        self._layers.run(equations.library, torch.get_num_threads())
        return self._terms


class _Recur:
    """A step over M places: both gates, then the candidate, with σ and tanh by PyTorch."""

    def __init__(self, equations: NativeEquations, places: int) -> None:
        channels = equations.hidden_to_candidate.channels_out
        terms = [_new_map(places, each.channels_out) for each in equations.of_clip]
        hidden, kept = _new_map(places, channels), _new_map(places, channels)
        self._gates, self._last = Layers(equations.library.lanes()), Layers(equations.library.lanes())
        self._open = torch.empty(2, places, channels)
        for term, gate, (compress, restore) in zip(terms, self._open, equations.of_gates, strict=False):
            compressed = self._gates.convolve(hidden, compress, added=term)
            self._gates.convolve(compressed, restore, relu=False, into=Map(hidden.size, channels, gate.view(-1)))
        candidate = self._last.convolve(kept, equations.hidden_to_candidate, relu=False, added=terms[-1])
        self._terms = tuple(map(_rows, terms))
        self._hidden, self._kept, self._candidate = _rows(hidden), _rows(kept), _rows(candidate)

    def run(self, equations: NativeEquations, clip: Terms, hidden: Tensor) -> Tensor:
        """o_t [M, D] from the clip's terms and o_{t-1} [M, D]."""
        for to, term in zip(self._terms, clip, strict=True):
            to.copy_(term)
        self._hidden.copy_(hidden)
        self._gates.run(equations.library, torch.get_num_threads())
        read, update = self._open.sigmoid_()  # [M, D] each
        torch.mul(read, self._hidden, out=self._kept)
        self._last.run(equations.library, torch.get_num_threads())
        return torch.lerp(self._hidden, self._candidate.tanh_(), update)


def _convolution(part: nn.Conv3d) -> Convolution:
    assert part.bias is not None  # our choice for FAST-GRU
    weight, bias = (each.detach().to("cpu", torch.float32).clone() for each in (part.weight, part.bias))
    return Convolution(weight, bias, ONE_PLACE)


def _new_map(places: int, channels: int) -> Map:
    return Map((1, 1, places), channels, torch.empty(places * channels))


def _rows(each: Map) -> Tensor:
    """[M, channels]."""
    return each.view.flatten(0, 2)
