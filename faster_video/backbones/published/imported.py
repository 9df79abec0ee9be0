"""A network that a function of somebody's package makes, by its import path."""

import os
from collections.abc import Callable
from importlib import import_module

import torch
from torch import Tensor, nn

from faster_video.backbones.published.spec import InputRules
from faster_video.errors import ConfigError

VARIABLE = "FASTER_VIDEO_IMPORTS"
"""Of the environment: packages, with commas between them, that bundles may have their networks made by."""
CONTRACT = (
    "it must take nothing and return an nn.Module that maps clips [B, 3, T, H, W] to [B, D, t, h, w], with the "
    "attributes channels (D), rules (an InputRules) and map_size (t, h, w)"
)
_allowed: set[str] = set()
_tried: set[tuple[Callable[[], nn.Module], int | None]] = set()
"""Functions whose networks did as they say, so that they need not show it each time; with the number of labels."""


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


def imported(name: str, *, answers: int | None = None) -> tuple[nn.Module, InputRules, tuple[int, int, int]]:
    """What `package.module:function` makes: the network, its rules, and the size of its maps.

    It is tried on a clip; `answers` is the number of labels that its own classifier must tell apart, if it is wanted.

    Raises:
        ConfigError: it is not allowed, not there, fails, or makes something else.
    """
    require_allowed(name)
    module, _, function = name.partition(":")
    try:
        build = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"backbone is {name!r}, which cannot be imported: {error}; install it, or name its folder in the "
            "environment variable PYTHONPATH"
        ) from error
    except Exception as error:
        raise ConfigError(
            f"backbone is {name!r}, which cannot be imported: {type(error).__name__}: {error}; {CONTRACT}"
        ) from error
    try:
        with torch.device("cpu"):  # it may read a file of weights
            network = build()
    except Exception as error:
        raise ConfigError(f"backbone is {name!r}, which fails: {type(error).__name__}: {error}; {CONTRACT}") from error
    if not isinstance(network, nn.Module):
        raise ConfigError(f"backbone is {name!r}, which makes a {type(network).__name__}; {CONTRACT}")
    rules, size, channels = (getattr(network, part, None) for part in ("rules", "map_size", "channels"))
    is_size = isinstance(size, tuple) and len(size) == 3 and all(isinstance(side, int) and side > 0 for side in size)
    if not isinstance(rules, InputRules) or not is_size or not isinstance(channels, int) or channels < 1:
        raise ConfigError(
            f"backbone is {name!r}, whose network has channels {channels!r}, rules {rules!r} and map_size {size!r}; "
            f"{CONTRACT}"
        )
    if (build, answers) not in _tried:
        _try(name, network, answers)
        _tried.add((build, answers))
    return network.to(torch.get_default_device()), rules, size  # type: ignore[return-value]


def _try(name: str, network: nn.Module, answers: int | None) -> None:
    """Show it one clip as its rules have it, and refuse maps or scores of another size than it says."""
    rules: InputRules = network.rules  # type: ignore[assignment]
    network.eval()
    with torch.device("cpu"), torch.no_grad():
        clip = torch.zeros(1, 3, rules.frames, rules.crop_size, rules.crop_size)
        what = f"for a clip {list(clip.shape)}"
        maps = _called(name, what, lambda: network(clip))
        _require_shape(name, what, maps, (1, network.channels, *network.map_size))  # type: ignore[misc, arg-type]
        if answers is None:
            return
        if not isinstance(getattr(network, "classifier", None), nn.Module):
            raise ConfigError(
                f"head of {name} is 'published', but the network has no attribute classifier, a module from maps to "
                "scores; choose linear"
            )
        what = f"as classifier for maps {list(maps.shape)}"
        scores = _called(name, what, lambda: network.classifier(maps))  # type: ignore[operator]
        _require_shape(name, what, scores, (1, answers))


def _called(name: str, what: str, call: Callable[[], Tensor]) -> Tensor:
    try:
        return call()
    except Exception as error:
        raise ConfigError(
            f"backbone is {name!r}, whose network fails {what}: {type(error).__name__}: {error}; {CONTRACT}"
        ) from error


def _require_shape(name: str, what: str, found: object, wanted: tuple[int, ...]) -> None:
    """Refuse anything but a tensor of float32 of this shape: another would fail later, or count places as channels."""
    if not isinstance(found, Tensor):
        shown = f"a {type(found).__name__}"
    elif found.shape != wanted or found.dtype != torch.float32:
        shown = f"{list(found.shape)} of {found.dtype}"
    else:
        return
    raise ConfigError(
        f"backbone is {name!r}, whose network gives {shown} {what}; by its attributes and the labels it must be "
        f"{list(wanted)} of torch.float32"
    )


def _package(name: str) -> str:
    return name.partition(":")[0].partition(".")[0]
