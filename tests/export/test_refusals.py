"""What cannot be exported is refused in one sentence, and leaves what was there."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from export_samples import SmallNetwork, bundle_of, need, small_pair
from torch import Tensor

from faster_video.bundle import Bundle, BundleConfig
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, TransformConfig
from faster_video.errors import ExportError
from faster_video.export import export_bundle, onnx, openvino
from faster_video.model import build_model


class Remembering(SmallNetwork):
    """Does something else with every clip, which a graph cannot."""

    def __init__(self) -> None:
        super().__init__(16, (2, 3, 3))
        self.calls = 0

    def forward(self, clip: Tensor) -> Tensor:
        """[B, C, T, H, W] to [B, D, t, h, w]."""
        self.calls += 1
        return super().forward(clip) * self.calls


class Choosing(SmallNetwork):
    """Does what the pixels say, which cannot be traced."""

    def forward(self, clip: Tensor) -> Tensor:
        """[B, C, T, H, W] to [B, D, t, h, w]."""
        maps: Tensor = super().forward(clip)
        return maps if clip.mean() > 0 else -maps


class Unknown(SmallNetwork):
    """Uses an operation that ONNX has not."""

    def forward(self, clip: Tensor) -> Tensor:
        """[B, C, T, H, W] to [B, D, t, h, w]."""
        maps: Tensor = super().forward(clip)
        shift: Tensor = torch.linalg.eigvalsh(maps).sum()
        return maps + shift


def with_expensive(network: SmallNetwork) -> Bundle:
    return bundle_of(network, SmallNetwork(12, (1, 5, 4)))


@pytest.mark.parametrize(
    "make, form, message",
    [
        (Remembering, "torch-export", "the exported graphs give probabilities that differ by .*; its networks must"),
        (lambda: Choosing(16, (2, 3, 3)), "torch-export", "the expensive graph cannot be exported: .*; its network"),
        (lambda: Unknown(16, (2, 3, 3)), "onnx", "the expensive graph cannot be exported: .*; its network"),
    ],
)
def test_networks_that_are_no_graphs(make: Callable[[], SmallNetwork], form: str, message: str, tmp_path: Path) -> None:
    need(form)
    export_bundle(small_pair(), tmp_path / "graphs", "torch-export")
    before = {file.name: file.read_bytes() for file in (tmp_path / "graphs").iterdir()}
    with pytest.raises(ExportError, match=message) as caught:
        export_bundle(with_expensive(make()), tmp_path / "graphs", form)
    assert len(str(caught.value).splitlines()) == 1
    assert {file.name: file.read_bytes() for file in (tmp_path / "graphs").iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["graphs"]


def test_a_graph_beyond_what_an_onnx_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("onnx")
    monkeypatch.setattr(onnx, "LARGEST", 5_000)
    with pytest.raises(ExportError, match=r"the expensive graph has .* GB of weights, .*; choose openvino or torch"):
        export_bundle(small_pair(), tmp_path / "graphs", "onnx")


@pytest.mark.parametrize(
    "form, module, missing",
    [
        ("onnx", onnx, "needs onnxscript, onnxruntime, not installed; pip install 'faster-video[export]'"),
        ("openvino", openvino, "needs OpenVINO, not installed; pip install 'faster-video[openvino]'"),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    form: str, module: object, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda name: "there" if name == "onnx" else None)
    monkeypatch.setattr(openvino, "is_installed", lambda: False)
    with pytest.raises(ExportError) as caught:
        export_bundle(small_pair(), tmp_path / "graphs", form)
    assert missing in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_sees_no_pixels(tmp_path: Path) -> None:
    given = BackboneConfig(name="features", channels=8)
    config = BundleConfig(
        labels=["wave", "jump"],
        model=ModelConfig(expensive=given, cheap=given, aggregator="gru"),
        clips=ClipConfig(),
        transform=TransformConfig(),
    )
    with pytest.raises(ExportError, match="trained on features that another model made, so it has no networks"):
        export_bundle(Bundle(model=build_model(config.model, 2), config=config), tmp_path / "graphs", "torch-export")
