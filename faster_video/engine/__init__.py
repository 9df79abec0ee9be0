"""Ways of running the clip networks of a model and its FAST-GRU, where its time goes, and the choice between them."""

import warnings
from collections.abc import Callable
from contextlib import suppress

import torch

from faster_video.aggregators import FastGru
from faster_video.backbones import Backbone, ClipResNet, PublishedBackbone
from faster_video.config import require_choice
from faster_video.engine import compiled, openvino
from faster_video.engine.choice import Work, soonest
from faster_video.engine.compiled import CompiledNetwork
from faster_video.engine.eager import EagerNetwork, folded_published
from faster_video.engine.fused import EagerEquations, FusedFastGru
from faster_video.engine.native import NativeNetwork
from faster_video.engine.native_gru import NativeEquations
from faster_video.engine.openvino import OpenVinoNetwork
from faster_video.engine.precision import BF16, FLOAT32, INT8, PRECISIONS, require_precision
from faster_video.engine.quantised import Calibration
from faster_video.errors import ConfigError, EngineError, FasterVideoWarning
from faster_video.model import Faster

AUTO = "auto"
ENGINES: dict[str, Callable[[ClipResNet], Backbone]] = {
    "eager": EagerNetwork,
    "native": NativeNetwork,
    "compiled": CompiledNetwork,
    "openvino": OpenVinoNetwork,
}
"""How each makes its float32 network."""
FOR_PROCESSORS = ("native", "openvino")
FOR_PUBLISHED = (AUTO, "eager", "native")
"""With published networks; `native` is then FAST-GRU's."""

__all__ = [
    "AUTO",
    "BF16",
    "ENGINES",
    "FLOAT32",
    "INT8",
    "PRECISIONS",
    "Calibration",
    "CompiledNetwork",
    "EagerNetwork",
    "NativeNetwork",
    "OpenVinoNetwork",
    "Work",
    "on_engine",
    "require_precision",
]


def on_engine(
    model: Faster,
    engine: str,
    device: torch.device,
    *,
    precision: str = FLOAT32,
    calibration: Calibration | None = None,
    work: Work | None = None,
) -> tuple[Faster, str]:
    """The model, networks and FAST-GRU on an engine, and that engine's name; `model` itself must not learn any more.

    `auto` is `native` on a processor where that works; elsewhere `work` tells whether another one than `eager` pays.
    `calibration` is for int8, and must be there for it.

    Raises:
        ConfigError: there is no such engine or precision, or not for this device, or no calibration.
        EngineError: it does not work on this machine.
    """
    require_choice("engine", engine, (AUTO, *ENGINES))
    require_precision(precision, engine, device)
    _require_for_published(model, engine, precision)
    if engine in FOR_PROCESSORS and device.type != "cpu":
        raise ConfigError(
            f"engine is {engine!r}, which runs on processors, and device is {device}; choose eager or auto"
        )
    if engine != AUTO:
        return _on(model, engine, precision, calibration), engine
    if precision == INT8:
        return _on(model, "openvino", precision, calibration), "openvino"
    if device.type != "cpu":
        return _on(model, "eager", precision), "eager"
    if precision == FLOAT32:
        try:
            return _on(model, "native", precision), "native"
        except EngineError as error:
            reason = error
    engine = _next_best(model, precision, work or Work())
    if precision == FLOAT32:
        warnings.warn(f"engine native: {reason}; {engine} is used instead", FasterVideoWarning, stacklevel=2)
    return _on(model, engine, precision), engine


def _require_for_published(model: Faster, engine: str, precision: str) -> None:
    """Refuse, with published networks, what they would silently be computed without. Raises `ConfigError`."""
    if not any(isinstance(network, PublishedBackbone) for network in (model.expensive, model.cheap)):
        return
    if precision != FLOAT32:
        raise ConfigError(f"precision is {precision}, but published networks compute in float32 only; leave it out")
    if engine not in FOR_PUBLISHED:
        raise ConfigError(
            f"engine is {engine!r}, but published networks run in PyTorch's own modules; choose one of "
            f"{', '.join(FOR_PUBLISHED)}"
        )


def _on(model: Faster, engine: str, precision: str, calibration: Calibration | None = None) -> Faster:
    """The model on that engine. Raises as `on_engine`."""
    expensive, cheap = (_made(network, engine, precision, calibration) for network in (model.expensive, model.cheap))
    model = model.with_backbones(expensive, cheap)
    if isinstance(model.aggregator, FastGru):
        is_on_gpu = next(model.aggregator.parameters()).is_cuda
        products = torch.bfloat16 if precision == BF16 and is_on_gpu else torch.float32
        gru = model.aggregator
        equations = NativeEquations(gru) if engine == "native" else EagerEquations(gru, products)
        model = model.with_aggregator(FusedFastGru(equations))
    return model


def _made(network: Backbone, engine: str, precision: str, calibration: Calibration | None) -> Backbone:
    """Published networks run in PyTorch's own modules, whatever the engine; given features need none."""
    if isinstance(network, PublishedBackbone):
        return folded_published(network)
    if not isinstance(network, ClipResNet):
        return network
    if precision == FLOAT32:
        return ENGINES[engine](network)
    if precision == BF16:
        return CompiledNetwork(network, BF16) if engine == "compiled" else EagerNetwork(network, BF16)
    if calibration is None:
        raise ConfigError(
            "precision is int8, which needs sample videos; name a folder of videos like those to come with --calibrate"
        )
    return OpenVinoNetwork(network, calibration)


def _next_best(model: Faster, precision: str, work: Work) -> str:
    """Of those that can be had here, the one with which this work is done soonest."""
    networks = [network for network in (model.expensive, model.cheap) if isinstance(network, ClipResNet)]
    is_ready: dict[str, bool] = {}
    if not networks:  # published ones run in PyTorch's modules
        return soonest(work.gmacs, torch.get_num_threads(), is_ready)
    with suppress(EngineError):  # there is no C++ compiler, or no folder
        compiled.cpp_compiler()
        size = work.clip_size
        is_ready["compiled"] = size is not None and all(compiled.is_kept(each, precision, size) for each in networks)
    if precision == FLOAT32 and openvino.is_installed():
        with suppress(EngineError):
            is_ready["openvino"] = all(map(openvino.is_kept, networks))
    return soonest(work.gmacs, torch.get_num_threads(), is_ready)
