"""The form of the clip networks that is for GPUs, on a processor: it computes what they compute, however clips lie."""

import pytest
import torch
from engine_samples import clips, error, trained
from torch import nn

from faster_video.engine import BF16
from faster_video.engine.eager import folded
from faster_video.engine.gpu import GpuConvolution, GpuNetwork

NAMES = ["r2plus1d50", "r3d50", "r2d26"]


@pytest.mark.parametrize("shape", [(1, 3, 8, 32, 32), (3, 3, 16, 48, 64), (2, 3, 24, 33, 47)])
@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_maps_are_those_of_the_network(name: str, shape: tuple[int, ...]) -> None:
    network, some = trained(name, 1 / 8), clips(*shape)
    quick = GpuNetwork(folded(network))  # type: ignore[arg-type]
    wanted = network(some)
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        maps = quick(some.contiguous(memory_format=layout))
        assert error(maps, wanted) < 1e-5
        assert maps.is_contiguous(memory_format=torch.channels_last_3d)


@torch.inference_mode()
def test_clips_are_rounded_on_the_way_in() -> None:
    network, some = trained("r2plus1d50", 1 / 8), clips(2, 3, 8, 32, 32)
    maps = GpuNetwork(folded(network, BF16))(some)  # type: ignore[arg-type]
    assert maps.dtype == torch.bfloat16
    assert 0 < error(maps.float(), network(some)) < 0.05


@torch.inference_mode()
def test_autocast_chooses_the_numbers() -> None:
    network, some = trained("r2plus1d50", 1 / 8), clips(2, 3, 8, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        maps = GpuNetwork(folded(network))(some)  # type: ignore[arg-type]
    assert maps.dtype == torch.bfloat16
    assert 0 < error(maps.float(), network(some)) < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_clips_may_ask_for_a_gradient(name: str) -> None:
    network, gradients = trained(name, 1 / 8), []
    for form in (network, GpuNetwork(folded(network))):  # type: ignore[arg-type]
        some = clips(1, 3, 8, 32, 32).requires_grad_()
        form(some).square().mean().backward()
        assert some.grad is not None
        gradients.append(some.grad)
    assert error(gradients[1], gradients[0]) < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_to_do_one_by_one(name: str) -> None:
    quick = GpuNetwork(folded(trained(name, 1 / 8)))  # type: ignore[arg-type]
    assert not any(isinstance(part, nn.ReLU | nn.BatchNorm3d | nn.Conv3d) for part in quick.modules())
    assert not list(quick.parameters())


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        ((3, 1, 1), (2, 1, 1), (1, 0, 0)),
        ((1, 1, 1), (1, 1, 1), (0, 0, 0)),
        ((1, 1, 1), (2, 2, 2), (0, 0, 0)),
        ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
        ((2, 1, 1), (2, 1, 1), (0, 0, 0)),
    ],
)
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("relu", [False, True])
@torch.inference_mode()
def test_a_convolution_of_any_kind(
    kernel: tuple[int, int, int], stride: tuple[int, int, int], padding: tuple[int, int, int], channels: int, relu: bool
) -> None:
    torch.manual_seed(0)
    given, maps = nn.Conv3d(channels, 8, kernel, stride, padding), clips(2, channels, 6, 9, 8)
    wanted = given(maps)
    added = torch.randn_like(wanted)
    maps = maps.contiguous(memory_format=torch.channels_last_3d)
    quick = GpuConvolution(given, relu=relu)
    torch.testing.assert_close(quick(maps), wanted.relu() if relu else wanted, atol=1e-5, rtol=1e-5)
    if channels > 3:  # nothing is added to what sees colours
        both = wanted + added
        got = quick(maps, added.contiguous(memory_format=torch.channels_last_3d))
        torch.testing.assert_close(got, both.relu() if relu else both, atol=1e-5, rtol=1e-5)
