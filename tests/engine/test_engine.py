"""The engines compute what the networks compute, whatever the size of the clip and the width of the network."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from engine_samples import CPU, OPENVINO, clips, error, small_model, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from faster_video.backbones import BACKBONES
from faster_video.backbones.blocks import PooledClassifier
from faster_video.engine import ENGINES, NativeNetwork, on_engine
from faster_video.engine import native as native_engine
from faster_video.engine.library import WINOGRAD, WINOGRAD_IN_TIME
from faster_video.engine.plan import Network, Plan
from faster_video.errors import ConfigError, EngineError


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("name", BACKBONES)
@settings(deadline=None, max_examples=12)
@given(
    width=st.sampled_from([1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4]),
    frames=st.sampled_from([8, 16, 24]),
    height=st.integers(32, 80),
    wide=st.integers(32, 80),
    count=st.integers(1, 3),
)
@torch.inference_mode()
def test_maps_are_those_of_the_network(
    engine: str, name: str, width: float, frames: int, height: int, wide: int, count: int
) -> None:
    network = trained(name, width)
    clip = clips(count, 3, frames, height, wide)
    assert error(ENGINES[engine](network)(clip), network(clip)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["eager", "native", OPENVINO])
@pytest.mark.parametrize("name", BACKBONES)
@torch.inference_mode()
def test_maps_are_those_of_the_network_at_the_papers_size(engine: str, name: str) -> None:
    network = trained(name, 1.0)
    clip = clips(1, 3, 8, 224, 224)
    assert error(ENGINES[engine](network)(clip), network(clip)) < 1e-4


@torch.inference_mode()
def test_one_network_takes_clips_of_any_size_in_any_order() -> None:
    network = trained("r3d50", 1 / 8)
    native = NativeNetwork(network)
    for side in (32, 48, 33, 64, 40, 56, 32, 48):
        clip = clips(1, 3, 8, side, side, seed=side)
        assert error(native(clip), network(clip)) < 1e-5


@pytest.mark.parametrize("most_bytes", [1, 60_000, 8 << 20])
@torch.inference_mode()
def test_clips_of_r2d_go_through_together_and_stay_apart(most_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_engine, "CACHED_BYTES", most_bytes)
    network = trained("r2d26", 1 / 16)
    native = NativeNetwork(network)
    clip = clips(40, 3, 8, 48, 48)
    one_by_one = torch.cat([native(each[None]) for each in clip])
    assert error(native(clip), one_by_one) < 1e-6


@torch.inference_mode()
def test_any_layout_of_the_clip_gives_the_same_map() -> None:
    native = NativeNetwork(trained("r2plus1d50", 1 / 16))
    clip = clips(2, 3, 8, 40, 48)
    last = clip.contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(native(clip), native(last))


@torch.inference_mode()
def test_threads_that_share_a_network_do_not_mix_their_clips() -> None:
    network = trained("r3d50", 1 / 16)
    native = NativeNetwork(network)
    given_clips = [clips(1, 3, 8, 32 + seed % 3, 40, seed=seed) for seed in range(24)]
    wanted = [native(clip) for clip in given_clips]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(torch.inference_mode()(native), given_clips))
    assert all(torch.equal(one, other) for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@torch.inference_mode()
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    native = NativeNetwork(trained("r2plus1d50", 1 / 8))
    clip = clips(1, 3, 16, 48, 48)
    before = torch.get_num_threads()
    wanted = native(clip)
    try:
        torch.set_num_threads(threads)
        assert error(native(clip), wanted) < 1e-6
    finally:
        torch.set_num_threads(before)


def test_winograds_algorithm_is_used_where_maps_are_large() -> None:
    plan = Plan(Network.of(trained("r3d50", 1 / 4), lanes=8), (8, 112, 112), 3, lanes=8)
    kinds = [layer.kind for layer in plan._layers._layers]
    # The first, and of res2 and res3 all but the one with a stride; the maps of res4 have 8 tiles, of res5 one.
    assert kinds.count(WINOGRAD) == 1 + 6


def test_winograds_algorithm_is_used_in_time_where_it_saves_products() -> None:
    network = Network.of(trained("r2plus1d50", 1 / 4), lanes=8)
    for frames, used in ((8, 1 + 3 + 3), (16, 1 + 3 + 3 + 5), (32, 1 + 3 + 3 + 5 + 2)):
        plan = Plan(network, (frames, 224, 224), 3, lanes=8)
        assert [layer.kind for layer in plan._layers._layers].count(WINOGRAD_IN_TIME) == used


def test_memory_of_maps_is_used_again() -> None:
    plan = Plan(Network.of(trained("r3d50", 1 / 4), lanes=8), (8, 64, 64), 3, lanes=8)
    places = {layer.output for layer in plan._layers._layers}
    assert len(places) <= 6 < len(plan._layers._layers)


def test_later_changes_of_the_weights_do_not_reach_the_engine() -> None:
    network = trained("r2d26", 1 / 16)
    clip = clips(1, 3, 8, 32, 32)
    for make in (ENGINES["eager"], ENGINES["native"]):
        with torch.inference_mode():
            engine = make(network)
            before = engine(clip).clone()
        for weight in network.parameters():
            weight.data.mul_(2)
        with torch.inference_mode():
            assert torch.equal(engine(clip), before)


@torch.inference_mode()
@pytest.mark.parametrize("engine", ["auto", "eager", "native", OPENVINO])
def test_a_model_on_an_engine_answers_as_before(engine: str) -> None:
    model = small_model()
    video = clips(2, 4, 3, 8, 32, 32)
    running, name = on_engine(model, engine, CPU)
    assert name == ("native" if engine == "auto" else engine)
    torch.testing.assert_close(running(video), model(video), atol=1e-5, rtol=1e-4)
    assert isinstance(running.expensive.classifier, PooledClassifier)


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("place", ["clip", "weight"])
@torch.inference_mode()
def test_what_is_not_a_number_is_not_hidden(engine: str, place: str) -> None:
    network, clip = trained("r3d50", 1 / 8), clips(1, 3, 8, 48, 48)
    (clip if place == "clip" else network.stages[0][0].reduce[0].weight.data).view(-1)[7] = torch.nan  # type: ignore[index]
    assert network(clip).isnan().any()
    assert ENGINES[engine](network)(clip).isnan().any()


def test_native_works_in_and_out_of_inference_mode_in_turn() -> None:
    native, clip = NativeNetwork(trained("r2d26", 1 / 16)), clips(1, 3, 8, 32, 32)
    with torch.inference_mode():
        first = native(clip)
    with torch.no_grad():
        second = native(clip)
    assert torch.equal(first, second) and torch.equal(native(clip), second)


def test_native_refuses_what_it_cannot_compute() -> None:
    native = NativeNetwork(trained("r2d26", 1 / 16))
    with pytest.raises(ConfigError, match="does not learn, but this clip asks for a gradient; choose eager"):
        native(clips(1, 3, 8, 32, 32).requires_grad_())
    with pytest.raises(ConfigError, match=r"clips are torch.float64 on cpu; the engine native takes float32"):
        native(clips(1, 3, 8, 32, 32).double())
    for shape in ((1, 3, 4, 32, 32), (2, 3, 9, 32, 32), (1, 1, 8, 32, 32), (1, 3, 8, 16, 32)):
        with pytest.raises(ConfigError, match="a clip has shape"):
            native(clips(*shape))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@torch.inference_mode()
def test_weights_of_other_types_are_converted(dtype: torch.dtype) -> None:
    network, clip = trained("r3d50", 1 / 16).to(dtype), clips(1, 3, 8, 32, 32)
    assert error(NativeNetwork(network)(clip), network.float()(clip)) < 1e-4


def test_networks_that_the_kernels_do_not_know_are_refused() -> None:
    dilated = trained("r3d50", 1 / 16)
    dilated.stages[0][0].middle[0].dilation = (1, 2, 2)  # type: ignore[index]
    with pytest.raises(EngineError, match="does not know such a convolution"):
        NativeNetwork(dilated)
    bare = trained("r3d50", 1 / 16)
    bare.stages[0][0].reduce[1] = nn.Identity()  # type: ignore[index]
    with pytest.raises(EngineError, match="only convolutions with a batch norm right after each"):
        NativeNetwork(bare)
    pooled = trained("r3d50", 1 / 16)
    pooled.pool = nn.MaxPool3d((1, 2, 2))
    with pytest.raises(EngineError, match="does not know such a pooling"):
        NativeNetwork(pooled)


@torch.inference_mode()
def test_kernels_of_five_frames_are_not_winograds() -> None:
    network = trained("r3d50", 1 / 8)
    block = network.stages[0][0]  # type: ignore[index]
    old = block.middle[0]
    wide = nn.Conv3d(old.in_channels, old.out_channels, (5, 3, 3), padding=(2, 1, 1), bias=False)
    block.middle[0] = wide
    clip = clips(1, 3, 8, 64, 64)
    assert error(NativeNetwork(network)(clip), network(clip)) < 1e-5


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="unknown engine 'quick'; choose one of auto, compiled, eager, native, openvino"
    ):
        on_engine(small_model(), "quick", CPU)


def test_native_is_refused_on_a_gpu() -> None:
    with pytest.raises(ConfigError, match="engine is 'native', which runs on processors, and device is cuda"):
        on_engine(small_model(), "native", torch.device("cuda"))
