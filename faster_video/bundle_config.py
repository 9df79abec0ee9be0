"""What a bundle's `config.json` holds, and how it is read."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import dacite

from faster_video.config import (
    PUBLISHED_NAMES,
    ClipConfig,
    ModelConfig,
    TransformConfig,
    require_choice,
    require_known_colours,
)
from faster_video.errors import BundleError, ConfigError
from faster_video.files import is_one_line, printable
from faster_video.policy import Calibration, Preset

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
FORMAT = "faster_video bundle 1"
NETWORKS = ("expensive", "cheap")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedWeights:
    """Weights that a bundle does not hold, because anybody can have them from where they were published."""

    source: str
    """Package or address that they come from."""
    sha256: str
    """Of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleConfig:
    """What `config.json` holds."""

    format: str = FORMAT
    labels: list[str]
    model: ModelConfig
    clips: ClipConfig
    transform: TransformConfig
    weights_sha256: str = ""
    """Of `model.safetensors`, so that a damaged or exchanged file is noticed."""
    published: dict[str, PublishedWeights] = field(default_factory=dict)
    """Of `expensive` and `cheap`, those whose published weights are not in `model.safetensors`."""
    calibration: Calibration = field(default_factory=Calibration)
    """Of its probabilities, and when to stop; as it is, if nobody has calibrated it."""
    presets: dict[str, Preset] = field(default_factory=dict)
    """Named ways to run it."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where the weights come from: recipe, seed, hash of the data list, metrics, versions."""

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"format is {self.format!r}; this version reads {FORMAT!r}")
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ConfigError(f"labels has {len(self.labels)} entries; at least two are needed, each of them once")
        for label in self.labels:
            if not is_one_line(label):
                raise ConfigError(f"labels has {label!a}; a label must be text on one line, without control characters")
        for name, preset in self.presets.items():
            if not is_one_line(name) or not name:
                raise ConfigError(f"presets has {name!a}; a name must be text on one line")
            if preset.gate_threshold is not None and not self.model.gate:
                raise ConfigError(f"preset {name!r} goes by a gate, and the model has none")
        require_known_colours(self.model, self.transform)
        for name in self.published:
            require_choice("network in published", name, NETWORKS)
            if getattr(self.model, name).name not in PUBLISHED_NAMES:
                raise ConfigError(
                    f"published has weights of the {name} network, which is {getattr(self.model, name).name}; only "
                    "published networks have such"
                )

    def is_elsewhere(self, tensor: str) -> bool:
        """Whether a tensor of the model is not in `model.safetensors`, by its name."""
        return any(tensor.startswith(f"{name}.network.") for name in self.published)


def load_bundle_config(folder: str | Path) -> BundleConfig:
    """Read what a bundle says of itself, without its weights.

    Raises:
        BundleError: there is no bundle, or its configuration is damaged or of another format.
    """
    source = Path(folder)
    if not source.is_dir():
        found = "is a file" if source.exists() else "does not exist"
        raise BundleError(f"{printable(source)}: {found}; a bundle is a folder with {CONFIG} and {WEIGHTS}")
    if not (source / CONFIG).is_file():
        raise BundleError(f"{printable(source)}: is not a bundle: it has no {CONFIG}")
    return _read_config(source / CONFIG)


def _read_config(path: Path) -> BundleConfig:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{printable(path)}: is not readable as JSON: {error}") from error
    if not isinstance(values, dict):
        raise BundleError(
            f"{printable(path)}: is not a bundle's configuration: it holds a {type(values).__name__}, not an object"
        )
    try:
        return dacite.from_dict(BundleConfig, values, dacite.Config(strict=True, type_hooks=FROM_JSON))
    except dacite.WrongTypeError as error:
        wanted = error.field_type.__name__ if isinstance(error.field_type, type) else error.field_type
        found = _found(values, error.field_path or "")
        raise BundleError(
            f"{printable(path)}: is not a bundle's configuration: {error.field_path} {found}; it must be {wanted}"
        ) from error
    except dacite.UnexpectedDataError as error:
        unknown = ", ".join(sorted(error.keys))
        raise BundleError(
            f"{printable(path)}: is not a bundle's configuration: it has no setting called {unknown}"
        ) from error
    except (dacite.DaciteError, ConfigError, OverflowError) as error:
        raise BundleError(f"{printable(path)}: is not a bundle's configuration: {error}") from error


def _found(values: dict[str, Any], field_path: str) -> str:
    """What stands at a path of dacite, as it was written; of one through a mapping, whose keys dacite leaves out, only
    that it is wrong."""
    try:
        return f"is {json.dumps(reduce(dict.__getitem__, field_path.split('.'), values))}"
    except (KeyError, TypeError):
        return "has a wrong value in one of its entries"


def _as_int(value: object) -> object:
    """For Python `true` is an integer; None is refused."""
    return None if isinstance(value, bool) else value


def _as_float(value: object) -> object:
    """JSON written by hand may say 1 for 1.0, but not `true`."""
    value = _as_int(value)
    return float(value) if isinstance(value, int) else value


def _as_tuple(value: object) -> object:
    """JSON has lists only; of what is none dacite would make one, or fail. None is refused."""
    return tuple(value) if isinstance(value, list) else None


def _as_list(value: object) -> object:
    """As `_as_tuple`."""
    return value if isinstance(value, list) else None


FROM_JSON: dict[Any, Callable[[object], object]] = {
    int: _as_int,
    float: _as_float,
    list[str]: _as_list,
    tuple[int, int]: _as_tuple,
    tuple[int, int, int]: _as_tuple,
    tuple[float, float, float]: _as_tuple,
}
"""Type hooks with which dacite reads our configurations from JSON."""
