"""Clips that engines other than PyTorch's modules take."""

import torch
from torch import Tensor

from faster_video.errors import ConfigError

CPU = torch.device("cpu")


def require_plain(engine: str, clips: Tensor, device: torch.device) -> None:
    """Refuse clips that ask for a gradient, or are not float32 on the engine's device.

    Raises:
        ConfigError: they are such.
    """
    if clips.requires_grad and torch.is_grad_enabled():
        raise ConfigError(f"the engine {engine} does not learn, but this clip asks for a gradient; choose eager")
    if clips.device != device or clips.dtype != torch.float32:
        raise ConfigError(f"clips are {clips.dtype} on {clips.device}; the engine {engine} takes float32 on {device}")
