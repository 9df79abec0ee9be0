"""Networks and clips on which engines are compared."""

from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from faster_video.backbones import BACKBONES, ClipResNet
from faster_video.config import BackboneConfig, ModelConfig
from faster_video.model import Faster, build_model

CPU = torch.device("cpu")
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")
OPENVINO = pytest.param("openvino", marks=needs_openvino)


def trained(name: str, width: float, seed: int = 0) -> ClipResNet:
    """A network whose every block says something: fresh ones begin as their shortcuts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = BACKBONES[name](3, width)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm3d):
            size = norm.weight.shape
            norm.weight.data = 0.5 + 0.5 * torch.rand(size, generator=generator)
            norm.bias.data = 0.1 * torch.randn(size, generator=generator)
            norm.running_mean = 0.1 * torch.randn(size, generator=generator)
            norm.running_var = 0.5 + torch.rand(size, generator=generator)
    return network.eval()


def clips(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small_model() -> Faster:
    torch.manual_seed(0)
    networks = (BackboneConfig(name=name, width=1 / 16) for name in ("r3d50", "r2d26"))
    return build_model(ModelConfig(expensive=next(networks), cheap=next(networks), pattern="1:1"), 3).eval()


def error(got: Tensor, wanted: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    assert got.shape == wanted.shape
    return float((got - wanted).abs().max() / wanted.abs().max())
