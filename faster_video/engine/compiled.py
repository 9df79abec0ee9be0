"""The engine that PyTorch's own compiler makes: AOTInductor on processors, `torch.compile` on GPUs.

Compiling takes 15 to 30 seconds for each network and size of its clips. On a processor the code, weights included, is
kept in the user's cache folder.

Shapes: B clips, C colours, T H W frames of a clip, D channels, t h w feature map.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from threading import Lock

import torch
from torch import Tensor, nn

from faster_video import __version__
from faster_video.backbones import ClipResNet
from faster_video.engine.eager import folded
from faster_video.engine.kept import key_of, network_key, own_folder, processor
from faster_video.engine.layers import Recent
from faster_video.engine.plain import require_plain
from faster_video.engine.precision import FLOAT32, TYPES
from faster_video.errors import EngineError, first_line
from faster_video.files import printable, replacing_file

COMPILERS = ("g++", "clang++", "c++")
SETTINGS = {"freezing": True, "cpp.dynamic_threads": True}
"""Of the compiler: weights laid out beforehand, and code for any number of threads."""
Run = Callable[[Tensor], Tensor]
"""Clips [B, C, T, H, W] to maps [B, D, t, h, w]."""
_LOCK = Lock()
"""The compiler's settings are the whole process's."""


class CompiledNetwork(nn.Module):
    """A clip network with the weights that `network` has now, on its device, compiled for each size of clip it meets.

    Raises:
        EngineError: there is no C++ compiler here, or no folder to keep the code in; this is for processors.
    """

    def __init__(self, network: ClipResNet, precision: str = FLOAT32) -> None:
        super().__init__()
        self._type = TYPES[precision]
        self.channels = network.channels
        self.classifier = network.classifier
        self.feature_size = network.feature_size
        self.require_clip = network.require_clip
        network_on_engine = folded(network, precision)
        self._device = next(network.parameters()).device
        if self._device.type == "cpu":
            cpp_compiler()
            key = network_key(network)
            self._runs = Recent[torch.Size, Run](
                lambda size: _one_by_one(_loaded(_file(key, precision, size), network_on_engine, size, self._type))
            )
        else:
            run = _compiled_for_gpu(network_on_engine)
            self._runs = Recent[torch.Size, Run](lambda _: run)

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps of clips float32 [B, C, T, H, W]: float32 [B, D, t, h, w].

        Raises:
            ConfigError: the clips are of another shape, type or device, or ask for a gradient.
            EngineError: the compiler fails.
        """
        self.require_clip(clips.shape)
        require_plain("compiled", clips, self._device)
        with _LOCK, torch.inference_mode(False), torch.no_grad():
            run = self._runs[clips.shape[1:]]
        return run(clips.to(self._type)).float()


def is_kept(network: ClipResNet, precision: str, size: torch.Size) -> bool:
    """Whether the code for clips of this size [C, T, H, W] was compiled before. Raises `EngineError`: no folder."""
    return _file(network_key(network), precision, size).exists()


def cpp_compiler() -> str:
    """The one that is used, by its name.

    Raises:
        EngineError: there is none.
    """
    found = os.environ.get("CXX") or next(filter(which, COMPILERS), None)
    if found is None:
        raise EngineError(
            f"there is no C++ compiler here (looked for {', '.join(COMPILERS)}); install one, such as g++, or take "
            "another engine"
        )
    return found


def _file(key: str, precision: str, size: torch.Size) -> Path:
    """Where the code for clips of this size is kept, by all that it depends on."""
    versions = (__version__, torch.__version__, cpp_compiler(), SETTINGS)
    return own_folder("compiled") / f"{key_of(key, precision, tuple(size), versions, processor())}.pt2"


def _one_by_one(run: Run) -> Run:
    """Code for one clip over several of them: maps of one stay nearer to the processor."""
    return lambda clips: torch.cat([run(clip) for clip in torch.split(clips.contiguous(), 1)])


def _loaded(file: Path, network: nn.Module, size: torch.Size, dtype: torch.dtype) -> Run:
    """The code for one clip [1, C, T, H, W], compiled if it is not there. Raises `EngineError`."""
    if not file.exists():
        try:
            _compile(network, torch.zeros(1, *size, dtype=dtype), file)
        except (RuntimeError, OSError) as error:
            raise EngineError(
                f"{cpp_compiler()} cannot compile the network ({first_line(error)}); choose eager"
            ) from error
    from torch._inductor import aoti_load_package

    try:
        return aoti_load_package(str(file))
    except RuntimeError as error:
        raise EngineError(f"{printable(file)}: cannot be loaded; delete it to have it made again") from error


def _compile(network: nn.Module, clip: Tensor, target: Path) -> None:
    # Here and not above: the compiler takes longer to import than most networks to run.
    import torch._inductor.config as settings
    from torch._inductor import aoti_compile_and_package

    chosen = SETTINGS | {"cpp.cxx": (cpp_compiler(),)}
    with warnings.catch_warnings(), _private_folder(target.parent) as folder, settings.patch(chosen):
        warnings.simplefilter("ignore", FutureWarning)  # of PyTorch's about itself
        exported = torch.export.export(network, (clip,))
        made = aoti_compile_and_package(exported, package_path=f"{folder}/network.pt2")
        with replacing_file(target) as aside:
            Path(made).replace(aside)
    target.chmod(0o600)


@contextmanager
def _private_folder(beside: Path) -> Iterator[str]:
    """Where the compiler leaves things on the way; by itself it takes a folder that any user can guess and make."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    before = os.environ.get(name)
    with TemporaryDirectory(prefix=".compiling-", dir=beside) as folder:
        os.environ[name] = folder
        try:
            yield folder
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _compiled_for_gpu(network: nn.Module) -> Run:
    """Compiled at the first clips of every size; `GraphedSteps` replays what comes of it.

    The code is kept in the user's cache folder, unless the environment names another one.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(own_folder("compiled") / "gpu"))
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    compiled = torch.compile(network, dynamic=False)

    def run(clips: Tensor) -> Tensor:
        from torch._dynamo.exc import TorchDynamoException

        try:
            return compiled(clips.contiguous(memory_format=torch.channels_last_3d))  # type: ignore[no-any-return]
        except TorchDynamoException as error:
            raise EngineError(f"PyTorch cannot compile the network ({first_line(error)}); choose eager") from error

    return run
