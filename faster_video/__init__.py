"""Video classification that costs a third of the arithmetic and answers while the video is still playing.

The public names are loaded when they are first used, so that `import faster_video` does not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from faster_video.bundle import Bundle, load_bundle, save_bundle
    from faster_video.config import ClipConfig, ModelConfig, Recipe, StageConfig, TransformConfig
    from faster_video.errors import FasterVideoError
    from faster_video.hub import push
    from faster_video.inference import Classification, Classifier, load
    from faster_video.model import Faster, build_model
    from faster_video.pattern import Pattern
    from faster_video.streaming import Stream, StreamConfig
    from faster_video.video import probe

_HOMES = {
    "Bundle": "bundle",
    "Classification": "inference",
    "Classifier": "inference",
    "ClipConfig": "config",
    "Faster": "model",
    "FasterVideoError": "errors",
    "ModelConfig": "config",
    "Pattern": "pattern",
    "Recipe": "config",
    "StageConfig": "config",
    "Stream": "streaming",
    "StreamConfig": "streaming",
    "TransformConfig": "config",
    "build_model": "model",
    "load": "inference",
    "load_bundle": "bundle",
    "probe": "video",
    "push": "hub",
    "save_bundle": "bundle",
}

__all__ = [
    "Bundle",
    "Classification",
    "Classifier",
    "ClipConfig",
    "Faster",
    "FasterVideoError",
    "ModelConfig",
    "Pattern",
    "Recipe",
    "StageConfig",
    "Stream",
    "StreamConfig",
    "TransformConfig",
    "__version__",
    "build_model",
    "load",
    "load_bundle",
    "probe",
    "push",
    "save_bundle",
]


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
