"""A network that a function of somebody's package makes, by its import path."""

import os
from importlib import import_module

import torch
from torch import nn

from faster_video.backbones.published.spec import InputRules
from faster_video.errors import ConfigError

VARIABLE = "FASTER_VIDEO_IMPORTS"
"""Of the environment: packages, with commas between them, that bundles may have their networks made by."""
CONTRACT = (
    "it must take nothing and return an nn.Module that maps clips [B, 3, T, H, W] to [B, D, t, h, w], with the "
    "attributes channels (D), rules (an InputRules) and map_size (t, h, w)"
)
_allowed: set[str] = set()


def allow_import(name: str) -> None:
    """Let this process import the package of `package.module:function`: the user has named it."""
    _allowed.add(_package(name))


def require_allowed(name: str) -> None:
    """Refuse a function that a bundle names and no user: importing a package runs its code.

    Raises:
        ConfigError: the package is not among those allowed.
    """
    package = _package(name)
    if package not in _allowed | set(os.environ.get(VARIABLE, "").split(",")):
        raise ConfigError(
            f"the network is made by {name!r}, which would run code of the package {package}; if you trust it, set "
            f"the environment variable {VARIABLE} to {package}"
        )


def imported(name: str) -> tuple[nn.Module, InputRules, tuple[int, int, int]]:
    """What `package.module:function` makes: the network, its rules, and the size of its maps.

    Raises:
        ConfigError: it is not allowed, not there, fails, or makes something else.
    """
    require_allowed(name)
    module, _, function = name.partition(":")
    try:
        build = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"backbone is {name!r}, which cannot be imported: {error}; {CONTRACT}") from error
    try:
        with torch.device("cpu"):  # it may read a file of weights
            network = build()
    except Exception as error:
        raise ConfigError(f"backbone is {name!r}, which fails: {type(error).__name__}: {error}; {CONTRACT}") from error
    if not isinstance(network, nn.Module):
        raise ConfigError(f"backbone is {name!r}, which makes a {type(network).__name__}; {CONTRACT}")
    rules, size, channels = (getattr(network, part, None) for part in ("rules", "map_size", "channels"))
    is_size = isinstance(size, tuple) and len(size) == 3 and all(isinstance(side, int) and side > 0 for side in size)
    if not isinstance(rules, InputRules) or not is_size or not isinstance(channels, int):
        raise ConfigError(
            f"backbone is {name!r}, whose network has channels {channels!r}, rules {rules!r} and map_size {size!r}; "
            f"{CONTRACT}"
        )
    return network.to(torch.get_default_device()), rules, size  # type: ignore[return-value]


def _package(name: str) -> str:
    return name.partition(":")[0].partition(".")[0]
