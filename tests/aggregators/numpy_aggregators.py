"""The aggregators once more, in NumPy, from docs/equations.md's formulas: what the PyTorch ones must equal.

Shapes: B videos, N clips per video, D channels, t h w feature map. `weights` is a module's state_dict.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def project(weights: Weights, name: str, x: Array) -> Array:
    """A 1×1×1 convolution or a linear layer of x [B, D, …]."""
    matrix = weights[f"{name}.weight"]
    y: Array = np.einsum("ed,bd...->be...", matrix.reshape(matrix.shape[0], matrix.shape[1]), x)
    if f"{name}.bias" in weights:
        y += weights[f"{name}.bias"].reshape(1, -1, *[1] * (x.ndim - 2))
    return y


def fast_gru_step(weights: Weights, x: Array, o: Array) -> Array:
    def gate(name: str) -> Array:
        u_x = project(weights, f"{name}.compress_clip", x)
        u_o = project(weights, f"{name}.compress_hidden", o)
        return sigmoid(project(weights, f"{name}.restore", np.maximum(0, u_x + u_o)))

    r, z = gate("read_gate"), gate("update_gate")
    candidate = np.tanh(project(weights, "clip_to_candidate", x) + project(weights, "hidden_to_candidate", r * o))
    return (1 - z) * o + z * candidate


def concat_step(weights: Weights, x: Array, o: Array) -> Array:
    y = project(weights, "hidden_to_output", o) + project(weights, "clip_to_output", x)
    mean, variance, scale, shift = (
        weights[f"normalise.{name}"].reshape(1, -1, 1, 1, 1)
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return np.maximum(0, (y - mean) / np.sqrt(variance + 1e-3) * scale + shift)


def gru_step(weights: Weights, x: Array, o: Array) -> Array:
    def gate(name: str) -> Array:
        return sigmoid(project(weights, f"{name}.from_clip", x) + project(weights, f"{name}.from_hidden", o))

    r, z = gate("read_gate"), gate("update_gate")
    candidate = np.tanh(project(weights, "clip_to_candidate", x) + project(weights, "hidden_to_candidate", r * o))
    return (1 - z) * o + z * candidate


def lstm_step(weights: Weights, x: Array, state: Array) -> Array:
    """`state` is [2, B, D], the output and the memory."""
    o, c = state
    from_clip = x @ weights["cell.weight_ih"].T + weights["cell.bias_ih"]
    from_past = o @ weights["cell.weight_hh"].T + weights["cell.bias_hh"]
    i, f, g, out = np.split(from_clip + from_past, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return np.stack((sigmoid(out) * np.tanh(c), c))


def over_maps(step: Callable[[Weights, Array, Array], Array], weights: Weights, clips: Array) -> Array:
    """o_0 = x_0, then step after step: [B, N, D, t, h, w] to [B, N, D, t, h, w]."""
    outputs = [clips[:, 0]]
    for n in range(1, clips.shape[1]):
        outputs.append(step(weights, clips[:, n], outputs[-1]))
    return np.stack(outputs, axis=1)


def fast_gru(weights: Weights, clips: Array) -> Array:
    return over_maps(fast_gru_step, weights, clips)


def concat(weights: Weights, clips: Array) -> Array:
    return over_maps(concat_step, weights, clips)


def gru(weights: Weights, clips: Array) -> Array:
    outputs = over_maps(gru_step, weights, clips.mean(axis=(3, 4, 5)))
    return outputs[..., None, None, None]


def lstm(weights: Weights, clips: Array) -> Array:
    x = clips.mean(axis=(3, 4, 5))
    state = np.stack((x[:, 0], x[:, 0]))
    outputs = [state[0]]
    for n in range(1, x.shape[1]):
        state = lstm_step(weights, x[:, n], state)
        outputs.append(state[0])
    return np.stack(outputs, axis=1)[..., None, None, None]
