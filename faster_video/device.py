"""The device that a user names, checked against those that are here."""

import torch
from torch import nn

from faster_video.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` is the first GPU where there is one, the CPU elsewhere.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or not (number.isdecimal() or name == kind):
        raise ConfigError(f"unknown device {name!r}; choose one of auto, cpu, cuda, cuda:0, cuda:1, …")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device is {name!r}, but PyTorch sees {torch.cuda.device_count()} CUDA GPUs; use auto or cpu"
        )
    return torch.device(kind, int(number)) if number else torch.device(kind)


def lay_channels_last(module: nn.Module) -> None:
    """Lay the weights of convolutions over images and over clips out with the channels last in memory."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in module.parameters():
        if parameter.ndim in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])
