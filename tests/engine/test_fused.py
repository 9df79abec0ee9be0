"""The quick forms of FAST-GRU compute what it computes, and look at clips alike alone and together."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from faster_video.aggregators import FastGru, fold
from faster_video.config import BackboneConfig, ModelConfig
from faster_video.engine import on_engine
from faster_video.engine.fused import EagerEquations, Equations, FusedFastGru
from faster_video.engine.native_gru import NativeEquations
from faster_video.model import build_model

Make = Callable[[FastGru], Equations]
both = pytest.mark.parametrize("make", [EagerEquations, NativeEquations])


def trained(channels: int) -> FastGru:
    """Every bias and gate says something."""
    with torch.random.fork_rng():
        torch.manual_seed(channels)
        gru = FastGru(channels)
        for parameter in gru.parameters():
            torch.nn.init.normal_(parameter, std=1 / channels**0.5)
    return gru.eval()


def clips(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@both
@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 70),
    videos=st.integers(1, 3),
    num_clips=st.integers(1, 5),
    size=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
)
@torch.inference_mode()
def test_states_are_those_of_the_original(
    make: Make, channels: int, videos: int, num_clips: int, size: tuple[int, int, int]
) -> None:
    original = trained(channels)
    fused, given_clips = FusedFastGru(make(original)), clips(videos, num_clips, channels, *size)
    wanted = fold(original, given_clips)
    assert torch.allclose(fold(fused, given_clips), wanted, atol=1e-5)
    assert torch.allclose(fused(given_clips), wanted, atol=1e-5)


@both
@torch.inference_mode()
@pytest.mark.parametrize("parts", [[1, 4], [3, 2], [2, 1, 2]])
def test_it_goes_on_from_a_state(make: Make, parts: list[int]) -> None:
    original = trained(32)
    fused, given_clips = FusedFastGru(make(original)), clips(2, 5, 32, 1, 2, 3)
    for form in (fused, original):
        hidden, found = None, []
        for some in torch.split(given_clips, parts, dim=1):
            outputs, hidden = form.go_on(some, hidden)
            found.append(outputs)
        wanted = fold(original, given_clips)
        assert torch.allclose(torch.cat(found, dim=1), wanted, atol=1e-5)
        assert hidden is not None and torch.allclose(hidden, wanted[:, -1], atol=1e-5)


@torch.inference_mode()
def test_products_in_bf16_are_near_and_states_are_float32() -> None:
    original, given_clips = trained(64), clips(2, 9, 64, 1, 2, 3)
    fused, wanted = FusedFastGru(EagerEquations(original, torch.bfloat16)), fold(original, given_clips)
    for got in (fused(given_clips), fold(fused, given_clips)):
        assert got.dtype == torch.float32
        assert 1e-5 < float((got - wanted).abs().max() / wanted.abs().max()) < 0.02


@torch.inference_mode()
@pytest.mark.parametrize("side", [1, 2, 7])
def test_native_looks_at_one_clip_as_at_all_of_them(side: int) -> None:
    """To the last bit: what a stream answers is what a file gets."""
    fused = FusedFastGru(NativeEquations(trained(64)))
    given_clips = clips(1, 9, 64, 2, side, side)
    assert torch.equal(fold(fused, given_clips), fused(given_clips))


@both
@torch.inference_mode()
def test_the_past_is_left_as_it_was(make: Make) -> None:
    """A state may be kept and gone on from twice."""
    fused, (past, clip, other) = FusedFastGru(make(trained(32))), clips(3, 1, 32, 1, 2, 2)
    before = past.clone()
    first = fused.step(clip, past)
    kept = first.clone()
    fused.step(other, past)
    assert torch.equal(past, before) and torch.equal(first, kept)
    assert torch.equal(fused.step(clip, past), first)


@both
@torch.inference_mode()
def test_weights_are_those_of_the_moment(make: Make) -> None:
    original = trained(16)
    fused, given_clips = FusedFastGru(make(original)), clips(1, 3, 16, 1, 2, 2)
    before = fused(given_clips)
    for parameter in original.parameters():
        parameter.zero_()
    assert torch.equal(fused(given_clips), before)


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("aggregator", ["average", "fast_gru", "lstm"])
@torch.inference_mode()
def test_an_engine_brings_its_own_form(engine: str, aggregator: str) -> None:
    torch.manual_seed(0)
    networks = [BackboneConfig(name=name, width=1 / 16) for name in ("r3d50", "r2d26")]
    config = ModelConfig(expensive=networks[0], cheap=networks[1], aggregator=aggregator, pattern="1:1")
    model = build_model(config, 3).eval()
    quick, name = on_engine(model, engine, torch.device("cpu"))
    assert name == engine
    assert isinstance(quick.aggregator, FusedFastGru) == (aggregator == "fast_gru")
    video = clips(2, 3, 3, 8, 32, 32)
    assert torch.allclose(quick(video), model(video), atol=1e-4)
    assert not isinstance(model.aggregator, FusedFastGru)
