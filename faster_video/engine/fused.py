"""FAST-GRU for inference: all clips looked at in one product, and what a step multiplies laid together.

Shapes: B videos, N clips per video, D channels, R = D/4 compressed channels, t h w feature map, M = B·t·h·w places.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from faster_video.aggregators import FastGru

Terms = tuple[Tensor, ...]
"""What the equations take of a clip before the past is known, each with M rows."""


class Equations(Protocol):
    """Equations 3 and 4 with the weights of a FAST-GRU, on rows of channels."""

    def look(self, clip: Tensor) -> Terms:
        """U_rx ∗ x_t, U_zx ∗ x_t and V_x ∗ x_t of any number of places [M, D]."""
        ...

    def recur(self, clip: Terms, hidden: Tensor) -> Tensor:
        """o_t [M, D] from the clip's terms and o_{t-1} [M, D]."""
        ...


class FusedFastGru(nn.Module):
    """A FAST-GRU that does not learn; its states differ from the original's by rounding."""

    averages_scores: bool = False

    def __init__(self, equations: Equations) -> None:
        super().__init__()
        self._equations = equations

    def start(self, clip: Tensor) -> Tensor:
        """o_0 = x_0, [B, D, t, h, w]."""
        return clip

    def step(self, clip: Tensor, hidden: Tensor) -> Tensor:
        """Fold one clip's features into the hidden state; all [B, D, t, h, w]."""
        return _as_map(self._equations.recur(self._equations.look(_rows(clip)), _rows(hidden)), clip)

    def output(self, hidden: Tensor) -> Tensor:
        """The hidden state is the output, [B, D, t, h, w]."""
        return hidden

    def go_on(self, clips: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """o_t after each of the next N clips [B, N, D, t, h, w], and the last one; None begins a video."""
        first = clips[:, 0]  # [B, D, t, h, w], for its size
        later = clips if hidden is not None else clips[:, 1:]
        present = _rows(first if hidden is None else hidden)  # [M, D]
        outputs = [present] if hidden is None else []
        if later.shape[1]:
            terms = self._equations.look(_rows(later.transpose(0, 1).flatten(0, 1)))  # [n·M, …] each
            for clip in zip(*(torch.split(term, len(present)) for term in terms), strict=True):
                present = self._equations.recur(clip, present)
                outputs.append(present)
        return torch.stack([_as_map(output, first) for output in outputs], dim=1), _as_map(present, first)

    def forward(self, clips: Tensor) -> Tensor:
        """o_0 … o_{N-1}: [B, N, D, t, h, w] to [B, N, D, t, h, w]."""
        return self.go_on(clips, None)[0]


class EagerEquations:
    """By PyTorch, on any device. Biases that are added to the same sum are one."""

    def __init__(self, given: FastGru, products: torch.dtype = torch.float32) -> None:
        """`products` are the numbers that are multiplied; sums and states are float32 always."""
        gates = (given.read_gate, given.update_gate)
        of_clip = [*(gate.compress_clip for gate in gates), given.clip_to_candidate]
        of_past = [*(gate.compress_hidden for gate in gates), given.hidden_to_candidate]
        self._type = products
        with torch.no_grad():
            self._clip_weight = torch.cat([_matrix(part) for part in of_clip]).T.to(products)  # [D, 2R + D]
            clip_bias, past_bias = (torch.cat([_bias(part) for part in parts]) for parts in (of_clip, of_past))
            self._clip_bias = clip_bias + past_bias  # [2R + D]
            self._compress_weight = torch.cat([_matrix(part) for part in of_past[:2]]).T.to(products)  # [D, 2R]
            self._restore_weight = torch.stack([_matrix(gate.restore).T for gate in gates]).to(products)  # [2, R, D]
            self._restore_bias = torch.stack([_bias(gate.restore) for gate in gates])[:, None]  # [2, 1, D]
            self._candidate_weight = _matrix(given.hidden_to_candidate).T.clone().to(products)  # [D, D]

    def look(self, clip: Tensor) -> Terms:
        """The terms of both gates side by side [M, 2R], and the candidate's [M, D]."""
        compressed = self._compress_weight.shape[1]
        terms = self._sum(self._clip_bias, clip, self._clip_weight)  # [M, 2R + D]
        return terms[:, :compressed], terms[:, compressed:]

    def recur(self, clip: Terms, hidden: Tensor) -> Tensor:
        """o_t [M, D] from the clip's terms and o_{t-1} [M, D]."""
        compressed = self._sum(clip[0], hidden, self._compress_weight).relu_()  # [M, 2R]
        both = compressed.view(len(hidden), 2, -1).transpose(0, 1)  # [2, M, R]
        read, update = self._sum(self._restore_bias, both, self._restore_weight).sigmoid_()  # [M, D] each
        candidate = self._sum(clip[1], read.mul_(hidden), self._candidate_weight).tanh_()
        return torch.lerp(hidden, candidate, update)

    def _sum(self, term: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
        """The term plus the matrix product, float32; of [2, …] two of them."""
        if self._type == torch.float32:
            return torch.addmm(term, rows, weight) if rows.ndim == 2 else torch.baddbmm(term, rows, weight)
        return term + rows.to(self._type) @ weight


def _matrix(part: nn.Conv3d) -> Tensor:
    """The weights of a 1×1×1 convolution, [out, in]."""
    return part.weight.detach().flatten(1)


def _bias(part: nn.Conv3d) -> Tensor:
    assert part.bias is not None  # our choice for FAST-GRU
    return part.bias.detach()


def _rows(features: Tensor) -> Tensor:
    """[B, D, t, h, w] to [M, D]; no copy where the channels are last in memory."""
    return features.movedim(1, -1).flatten(0, -2)


def _as_map(rows: Tensor, like: Tensor) -> Tensor:
    """[M, D] to [B, D, t, h, w], the size of `like`."""
    return rows.view(len(like), *like.shape[2:], -1).movedim(-1, 1)
