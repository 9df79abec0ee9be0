"""Aggregators against their equations.

Shapes: B videos, N clips per video, D channels, t h w feature map, K classes.
"""

import numpy as np
import numpy_aggregators as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from faster_video.aggregators import AGGREGATORS, Aggregator, Average, Concat, FastGru, Gru, Lstm
from faster_video.aggregators import build_aggregator as build
from faster_video.config import AGGREGATOR_NAMES
from faster_video.errors import ConfigError

LEARNED = ["concat", "fast_gru", "gru", "lstm"]
Sizes = tuple[int, int, int, int, int, int]
sizes = st.tuples(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 12),
    st.integers(1, 2),
    st.integers(1, 4),
    st.integers(1, 4),
)  # B, N, D, t, h, w


def randomised(name: str, channels: int, seed: int) -> nn.Module:
    """An aggregator in which nothing is at its starting value: BN statistics and biases too."""
    torch.manual_seed(seed)
    aggregator = build(name, channels)
    assert isinstance(aggregator, nn.Module)
    for key, value in aggregator.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5 if key.endswith("running_var") else torch.randn_like(value))
    return aggregator.eval()


def random_clips(name: str, size: Sizes) -> Tensor:
    """[B, N, D, t, h, w], or [B, N, K] for averaging."""
    return torch.randn(size[:3]).softmax(dim=-1) if name == "average" else torch.randn(size)


def linear_of(module: nn.Module, path: str) -> nn.Linear | nn.Conv3d:
    layer = module.get_submodule(path)
    assert isinstance(layer, nn.Linear | nn.Conv3d)
    return layer


def fix_gate(module: nn.Module, path: str, bias: float) -> None:
    """Make the layer before a gate's sigmoid say `bias` whatever comes in."""
    layer = linear_of(module, path)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)


@pytest.mark.parametrize("name", LEARNED)
@given(size=sizes, seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_agrees_with_the_equations_in_numpy(name: str, size: Sizes, seed: int) -> None:
    aggregator = randomised(name, size[2], seed)
    clips = random_clips(name, size)
    weights = {key: value.double().numpy() for key, value in aggregator.state_dict().items()}
    expected = getattr(reference, name)(weights, clips.double().numpy())
    with torch.no_grad():
        actual = aggregator(clips).numpy()
    assert actual.shape == expected.shape
    # Relative to the largest: concat's ReLU has no upper bound, so its states grow from clip to clip.
    assert np.abs(actual - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
@given(size=sizes, seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
@torch.no_grad()
def test_step_by_step_equals_forward(name: str, size: Sizes, seed: int) -> None:
    aggregator = randomised(name, size[2], seed)
    clips = random_clips(name, size)
    whole = aggregator(clips)  # [B, N, …]
    one: Aggregator = aggregator  # type: ignore[assignment]
    hidden = one.start(clips[:, 0])
    outputs = [one.output(hidden)]
    for n in range(1, clips.shape[1]):
        hidden = one.step(clips[:, n], hidden)
        outputs.append(one.output(hidden))
    torch.testing.assert_close(torch.stack(outputs, dim=1), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LEARNED)
@torch.no_grad()
def test_the_first_output_is_the_first_clip(name: str) -> None:
    clips = random_clips(name, (2, 3, 8, 2, 3, 3))
    first = randomised(name, 8, 0)(clips)[:, 0]
    expected = clips[:, 0] if name in ("concat", "fast_gru") else clips[:, 0].mean((2, 3, 4), keepdim=True)
    torch.testing.assert_close(first, expected)


@pytest.mark.parametrize("name", LEARNED)
def test_the_past_is_learned_from(name: str) -> None:
    clips = random_clips(name, (2, 4, 8, 1, 2, 2)).requires_grad_()
    aggregator = build(name, 8)
    weights = list(aggregator.parameters())
    of_clips, *of_weights = torch.autograd.grad(aggregator(clips)[:, -1].sum(), [clips, *weights])
    assert (of_clips.flatten(2).abs().sum(dim=(0, 2)) > 0).all()
    assert all(gradient.any() for gradient in of_weights)


# Two clips whose values differ everywhere.
PAST = torch.linspace(-1, 1, 144).reshape(2, 8, 1, 3, 3)  # [B, D, t, h, w]
CLIP = torch.linspace(2, -1, 144).reshape(2, 8, 1, 3, 3)
UPDATE_GATES = [("fast_gru", "update_gate.restore"), ("gru", "update_gate.from_clip")]


def with_gate(name: str, path: str, bias: float) -> FastGru | Gru:
    """An aggregator with one gate held open (+50) or closed (-50)."""
    aggregator = randomised(name, 8, 1)
    assert isinstance(aggregator, FastGru | Gru)
    fix_gate(aggregator, path, bias)
    if name == "gru":  # its gates add a second layer; silence it
        fix_gate(aggregator, path.replace("from_clip", "from_hidden"), 0.0)
    return aggregator


@pytest.mark.parametrize(("name", "gate"), UPDATE_GATES)
@pytest.mark.parametrize(("bias", "expected"), [(-50.0, "past"), (+50.0, "candidate")])
@torch.no_grad()
def test_update_gate_closed_keeps_the_past_and_open_takes_the_candidate(
    name: str, gate: str, bias: float, expected: str
) -> None:
    aggregator = with_gate(name, gate, bias)
    past, x = aggregator.start(PAST), aggregator.start(CLIP)
    read = aggregator.read_gate(aggregator.look(x).read if isinstance(aggregator, FastGru) else x, past)
    candidate = torch.tanh(aggregator.clip_to_candidate(x) + aggregator.hidden_to_candidate(read * past))
    torch.testing.assert_close(aggregator.step(CLIP, past), {"past": past, "candidate": candidate}[expected])


@pytest.mark.parametrize(("name", "gate"), [("fast_gru", "read_gate.restore"), ("gru", "read_gate.from_clip")])
@pytest.mark.parametrize(("bias", "forgets"), [(-50.0, True), (+50.0, False)])
@torch.no_grad()
def test_read_gate_closed_forgets_the_past_in_the_candidate(name: str, gate: str, bias: float, forgets: bool) -> None:
    aggregator = with_gate(name, gate, bias)
    update = {"fast_gru": "update_gate.restore", "gru": "update_gate.from_clip"}[name]
    fix_gate(aggregator, update, +50.0)  # what comes out is the candidate
    if name == "gru":
        fix_gate(aggregator, "update_gate.from_hidden", 0.0)
    past, other_past = aggregator.start(PAST), aggregator.start(PAST + 1)
    assert torch.allclose(aggregator.step(CLIP, past), aggregator.step(CLIP, other_past)) is forgets


def lstm_with_gate(gate: int, bias: float) -> Lstm:
    """An LSTM whose gate number `gate` (input, forget, candidate, output) is held at `bias`."""
    aggregator = randomised("lstm", 8, 1)
    assert isinstance(aggregator, Lstm)
    rows = slice(8 * gate, 8 * (gate + 1))
    with torch.no_grad():
        for parameter in aggregator.cell.parameters():
            parameter[rows] = 0
        aggregator.cell.bias_ih[rows] = bias
    return aggregator


@pytest.mark.parametrize(("bias", "keeps"), [(-50.0, False), (+50.0, True)])
@torch.no_grad()
def test_lstm_forget_gate_closed_drops_the_memory_and_open_keeps_it(bias: float, keeps: bool) -> None:
    aggregator = lstm_with_gate(1, bias)
    hidden = aggregator.start(PAST)  # [B, 2, D]
    without_memory = hidden * torch.tensor([1.0, 0.0])[None, :, None]
    gained = aggregator.step(CLIP, hidden)[:, 1] - aggregator.step(CLIP, without_memory)[:, 1]
    torch.testing.assert_close(gained, hidden[:, 1] if keeps else torch.zeros_like(gained))


@torch.no_grad()
def test_lstm_input_gate_closed_and_forget_gate_open_keeps_the_memory_as_it_is() -> None:
    aggregator = lstm_with_gate(0, -50.0)
    aggregator.cell.bias_ih[8:16] = 1000.0
    hidden = aggregator.start(PAST)
    torch.testing.assert_close(aggregator.step(CLIP, hidden)[:, 1], hidden[:, 1])


@torch.no_grad()
def test_lstm_output_gate_closed_says_nothing() -> None:
    aggregator = lstm_with_gate(3, -50.0)
    output = aggregator.output(aggregator.step(CLIP, aggregator.start(PAST)))
    torch.testing.assert_close(output, torch.zeros(2, 8, 1, 1, 1))


@torch.no_grad()
def test_fast_gru_keeps_places_apart() -> None:
    aggregator = randomised("fast_gru", 8, 0)
    clips = torch.randn(1, 3, 8, 1, 3, 3)
    changed = clips.clone()
    changed[..., 0, 0] += 1
    same = torch.isclose(aggregator(clips), aggregator(changed)).all(dim=2)[0, :, 0]  # [N, h, w]
    assert not same[:, 0, 0].any()
    same[:, 0, 0] = True
    assert same.all()


@given(channels=st.integers(1, 64))
@settings(max_examples=20, deadline=None)
def test_fast_gru_has_three_and_a_half_times_channels_squared_weights(channels: int) -> None:
    reduced = max(1, channels // 4)
    weights = 6 * reduced * channels + 2 * channels**2  # 3.5 D² where 4 divides D
    if channels % 4 == 0:
        assert weights == 3.5 * channels**2
    biases = 2 * (2 * reduced + channels) + 2 * channels
    assert sum(weight.numel() for weight in FastGru(channels).parameters()) == weights + biases


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_the_hidden_state_is_one_tensor_with_videos_first(name: str) -> None:
    aggregator = build(name, 8)
    clips = random_clips(name, (3, 2, 8, 1, 2, 2))
    for hidden in (
        aggregator.start(clips[:, 0]),
        aggregator.step(clips[:, 1], aggregator.start(clips[:, 0])),
    ):
        assert isinstance(hidden, Tensor)
        assert hidden.shape[0] == 3


@given(size=sizes, seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_average_is_the_mean_of_softmaxes_in_any_order(size: Sizes, seed: int) -> None:
    torch.manual_seed(seed)
    probabilities = torch.randn(size[:3]).softmax(dim=-1)  # [B, N, K]
    averages = Average()(probabilities)
    for n in range(size[1]):
        torch.testing.assert_close(averages[:, n], probabilities[:, : n + 1].mean(dim=1))
    shuffled = probabilities[:, torch.randperm(size[1])]
    torch.testing.assert_close(Average()(shuffled)[:, -1], averages[:, -1])


def test_average_learns_nothing_and_is_the_only_one_on_scores() -> None:
    assert not list(Average().parameters())
    assert [name for name in sorted(AGGREGATORS) if build(name, 4).averages_scores] == ["average"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("average", Average), ("concat", Concat), ("fast_gru", FastGru), ("gru", Gru), ("lstm", Lstm)],
)
def test_names_build_what_they_say(name: str, kind: type[nn.Module]) -> None:
    assert isinstance(build(name, 4), kind)


def test_config_knows_the_same_names() -> None:
    assert sorted(AGGREGATORS) == sorted(AGGREGATOR_NAMES)


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError) as refused:
        build("transformer", 4)
    assert str(refused.value) == (
        "unknown aggregator 'transformer'; choose one of average, concat, fast_gru, gru, lstm"
    )
