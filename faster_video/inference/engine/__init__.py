"""Ways of running the clip networks of a model and its FAST-GRU, where its time goes, and the choice between them."""

import warnings
from collections.abc import Callable

import torch

from faster_video.aggregators import FastGru
from faster_video.backbones import Backbone, ClipResNet
from faster_video.config import require_choice
from faster_video.errors import ConfigError, EngineError, FasterVideoWarning
from faster_video.inference.engine.eager import EagerNetwork
from faster_video.inference.engine.fused import EagerEquations, FusedFastGru
from faster_video.inference.engine.native import NativeNetwork
from faster_video.inference.engine.native_gru import NativeEquations
from faster_video.model import Faster

AUTO = "auto"
ENGINES: dict[str, Callable[[ClipResNet], Backbone]] = {"eager": EagerNetwork, "native": NativeNetwork}

__all__ = ["AUTO", "ENGINES", "EagerNetwork", "NativeNetwork", "on_engine"]


def on_engine(model: Faster, engine: str, device: torch.device) -> tuple[Faster, str]:
    """The model, networks and FAST-GRU on an engine, and that engine's name; `model` itself must not learn any more.

    `auto` is `native` on a processor where that works, and `eager` elsewhere.

    Raises:
        ConfigError: there is no such engine, or not for this device.
        EngineError: it does not work on this machine.
    """
    require_choice("engine", engine, (AUTO, *ENGINES))
    if engine == AUTO:
        return _on_best_engine(model, device)
    if engine == "native" and device.type != "cpu":
        raise ConfigError(f"engine is 'native', which runs on processors, and device is {device}; choose eager or auto")
    make = ENGINES[engine]
    expensive, cheap = (
        make(network) if isinstance(network, ClipResNet) else network for network in (model.expensive, model.cheap)
    )
    model = model.with_backbones(expensive, cheap)
    if isinstance(model.aggregator, FastGru):
        equations = EagerEquations if engine == "eager" else NativeEquations
        model = model.with_aggregator(FusedFastGru(equations(model.aggregator)))
    return model, engine


def _on_best_engine(model: Faster, device: torch.device) -> tuple[Faster, str]:
    if device.type == "cpu":
        try:
            return on_engine(model, "native", device)
        except EngineError as error:
            warnings.warn(f"engine native: {error}; eager is used instead", FasterVideoWarning, stacklevel=3)
    return on_engine(model, "eager", device)
