"""The engine of Intel's OpenVINO, an extra (`pip install 'faster-video[openvino]'`): float32 or, quantised, int8.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from faster_video import __version__
from faster_video.backbones import ClipResNet
from faster_video.config import SMALLEST_SIDE, TEMPORAL_STRIDE
from faster_video.engine.eager import folded
from faster_video.engine.kept import key_of, network_key, own_folder
from faster_video.engine.layers import Recent
from faster_video.engine.plain import CPU, require_plain
from faster_video.errors import ConfigError, EngineError
from faster_video.files import replacing_file

if TYPE_CHECKING:
    from faster_video.engine.quantised import Calibration

_LOCK = Lock()
"""One conversion at a time: PyTorch's tracing is not made for several."""


class OpenVinoNetwork(nn.Module):
    """A clip network with the weights that `network` has now; with a calibration, in int8.

    It is converted once, from a small clip, and kept in the user's cache folder.

    Raises:
        EngineError: OpenVINO, or for int8 NNCF, is not installed; there is no folder to keep the network in; or it has
            weights that are no finite numbers.
    """

    def __init__(self, network: ClipResNet, calibration: "Calibration | None" = None) -> None:
        super().__init__()
        if not all(values.isfinite().all() for values in network.state_dict().values()):
            raise EngineError(
                "the network has weights that are no finite numbers, which OpenVINO would hide; choose eager"
            )
        file = converted(network) if calibration is None else calibration.quantised(network)
        self._core = load_openvino().Core()
        self._model = self._core.read_model(file)
        self._requests = Recent[tuple[torch.Size, int], Any](self._request)
        self._lock = Lock()
        self.channels = network.channels
        self.classifier = network.classifier
        self.feature_size = network.feature_size
        self.require_clip = network.require_clip

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps of clips float32 [B, C, T, H, W] on the CPU: [B, D, t, h, w].

        Raises:
            ConfigError: the clips are of another shape, type or device, ask for a gradient, or are not finite.
        """
        self.require_clip(clips.shape)
        require_plain("openvino", clips, CPU)
        if not clips.isfinite().all():
            raise ConfigError("a clip has values that are no finite numbers, which OpenVINO would hide; choose eager")
        with self._lock:
            request = self._requests[clips.shape, torch.get_num_threads()]
            request.infer([clips.detach().contiguous().numpy()], share_inputs=True)
            return torch.from_numpy(request.get_output_tensor(0).data).clone()

    def _request(self, of: tuple[torch.Size, int]) -> Any:
        """The network for clips of one shape, on so many threads, ready to run."""
        shape, threads = of
        model = self._model.clone()
        model.reshape(list(shape))
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",  # by itself it takes bf16 where the processor has it
        }
        return self._core.compile_model(model, "CPU", settings).create_infer_request()


def is_installed() -> bool:
    """Whether OpenVINO can be imported; it is not."""
    return find_spec("openvino") is not None


def is_kept(network: ClipResNet) -> bool:
    """Whether the network was converted before. Raises `EngineError`: OpenVINO is not there, or no folder."""
    return _file(network).exists()


def load_openvino() -> ModuleType:
    """Import it, but for the package beside it that tells Intel of every import and conversion.

    Raises:
        EngineError: it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO does without it
    try:
        import openvino
    except ImportError as error:
        raise EngineError(
            "the engine openvino needs OpenVINO, which is not installed; pip install 'faster-video[openvino]'"
        ) from error
    return openvino  # type: ignore[no-any-return]


def converted(network: ClipResNet) -> Path:
    """The file of the network in OpenVINO's form, for clips of any size. Raises `EngineError`."""
    openvino, file = load_openvino(), _file(network)
    if not file.exists():
        example = torch.zeros(1, 3, TEMPORAL_STRIDE, SMALLEST_SIDE, SMALLEST_SIDE)
        with torch.inference_mode(False), torch.no_grad(), _LOCK:
            save(openvino.convert_model(folded(network).float().cpu(), example_input=example), file)
    return file


def save(model: Any, target: Path) -> None:
    """Write a network of OpenVINO's, the layers after the weights, so that they are never there without them."""
    with TemporaryDirectory(prefix=".converting-", dir=target.parent) as folder:
        layers = Path(folder) / "network.xml"
        load_openvino().save_model(model, layers, compress_to_fp16=False)
        for part in (layers.with_suffix(".bin"), layers):
            with replacing_file(target.with_suffix(part.suffix)) as aside:
                part.replace(aside)


def _file(network: ClipResNet) -> Path:
    key = key_of(network_key(network), __version__, torch.__version__, load_openvino().__version__)
    return own_folder("openvino") / f"{key}.xml"
