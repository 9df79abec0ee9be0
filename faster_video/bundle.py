"""A trained model on disk: a folder with `model.safetensors` and `config.json`, and nothing that can be executed."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from faster_video.backbones import PublishedBackbone
from faster_video.backbones.published import fill_published
from faster_video.bundle_config import (
    CONFIG,
    FROM_JSON,
    NETWORKS,
    WEIGHTS,
    BundleConfig,
    PublishedWeights,
    load_bundle_config,
)
from faster_video.config import ClipConfig
from faster_video.errors import BundleError, ConfigError, WeightsError
from faster_video.files import printable, replacing_folder
from faster_video.model import Faster, build_model
from faster_video.pattern import Pattern
from faster_video.policy import Preset

__all__ = [
    "CARD",
    "CONFIG",
    "FROM_JSON",
    "NETWORKS",
    "WEIGHTS",
    "Bundle",
    "BundleConfig",
    "PublishedWeights",
    "load_bundle",
    "load_bundle_config",
    "require_enough_frames",
    "require_replaceable",
    "save_bundle",
]

CARD = "README.md"
"""What people read of a bundle, if it is there; `save_bundle` keeps it, and `push` makes one where it is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A trained model with all it needs to run."""

    model: Faster
    config: BundleConfig
    origin: str = ""
    """USER/NAME@COMMIT of a bundle from the Hub."""

    def __post_init__(self) -> None:
        require_enough_frames(self.model, self.config.clips)

    @property
    def labels(self) -> list[str]:
        """The names of the K classes."""
        return self.config.labels

    def with_pattern(self, pattern: str) -> "Bundle":
        """The same weights, shared, under another pattern (`E:C` or `first`); this bundle keeps its own.

        Raises:
            ConfigError: the pattern is not one.
        """
        config = replace(self.config, model=replace(self.config.model, pattern=pattern))
        model = self.model.with_gate(None).with_pattern(Pattern.parse(pattern))
        return replace(self, model=model, config=config)

    def with_num_clips(self, num_clips: int) -> "Bundle":
        """The same model on so many clips, spread evenly over a video.

        Raises:
            ConfigError: it is less than 1 or more than 4096.
        """
        return replace(self, config=replace(self.config, clips=replace(self.config.clips, num_clips=num_clips)))

    def with_preset(self, name: str) -> "Bundle":
        """The bundle under its preset of that name, temperature and all, but for when to stop, which the preset says.

        Raises:
            ConfigError: it has none of that name; the message lists those that it has.
        """
        preset = self.preset(name)
        chosen = self.with_pattern(preset.pattern).with_num_clips(preset.num_clips)
        calibration = replace(chosen.config.calibration, temperature=preset.temperature)
        chosen = replace(chosen, config=replace(chosen.config, calibration=calibration))
        return chosen.with_gate(preset.gate_threshold)

    def with_gate(self, threshold: float | None) -> "Bundle":
        """The same weights, where the gate sends clips above this probability to the expensive network; None: the
        pattern decides.

        Raises:
            ConfigError: there is no gate, or it is no probability.
        """
        return replace(self, model=self.model.with_gate(threshold))

    def preset(self, name: str) -> Preset:
        """The preset of that name.

        Raises:
            ConfigError: as `with_preset`.
        """
        if name not in self.config.presets:
            known = ", ".join(sorted(self.config.presets)) or "none; faster-video plan makes some"
            raise ConfigError(f"preset is {name!r}, which this bundle does not have; it has: {known}")
        return self.config.presets[name]


def require_enough_frames(model: Faster, clips: ClipConfig) -> None:
    """Refuse clips with fewer frames than a published network looks at.

    Raises:
        ConfigError: `frames_per_clip` is less than the expensive or the cheap network's frames.
    """
    for name in NETWORKS:
        network = getattr(model, name)
        if isinstance(network, PublishedBackbone) and network.frames > clips.frames_per_clip:
            raise ConfigError(
                f"frames_per_clip is {clips.frames_per_clip}, but the {name} network looks at {network.frames} frames "
                "of every clip; give at least as many"
            )


def save_bundle(bundle: Bundle, folder: str | Path, *, half: bool = False) -> None:
    """Write a bundle so that `folder` holds the old one or the new one, never a mixture; its README.md stays.

    `half` stores the weights as float16: half the size, rounded to 3 decimal digits. They are loaded as float32.

    Raises:
        BundleError: nothing can be written there, or it is a file or a folder that holds other things than a bundle.
    """
    target = Path(folder)
    weights = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in bundle.model.state_dict().items()
        if not bundle.config.is_elsewhere(name)
    }
    if half:
        weights = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    try:
        require_replaceable(target)
        with replacing_folder(target) as aside:
            save_file(weights, aside / WEIGHTS)
            config = replace(bundle.config, weights_sha256=_sha256(aside / WEIGHTS))
            (aside / CONFIG).write_text(json.dumps(asdict(config), indent=2, ensure_ascii=False) + "\n", "utf-8")
            if (target / CARD).is_file():
                shutil.copyfile(target / CARD, aside / CARD)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"{printable(target)}: cannot write the bundle there: {reason}") from error


def require_replaceable(target: Path) -> None:
    """Refuse to write a bundle where something else would be lost. Raises `BundleError`."""
    if target.exists() and not target.is_dir():
        raise BundleError(f"{printable(target)}: is a file; a bundle is a folder, so choose another name")
    others = sorted({entry.name for entry in target.iterdir()} - {CONFIG, WEIGHTS, CARD}) if target.exists() else []
    if others:
        raise BundleError(
            f"{printable(target)}: holds {others[0]!r}, which is no part of a bundle and would be lost; "
            "choose a new folder"
        )


def load_bundle(folder: str | Path) -> Bundle:
    """Read a bundle; the model is in evaluation mode, in float32, on the CPU.

    Raises:
        BundleError: a file is missing, damaged, of another format, the weights do not fit the configuration, or its
            clips are too short for its networks; the message names the file and what is wrong with it.
    """
    source = Path(folder)
    config = load_bundle_config(source)
    if not (source / WEIGHTS).is_file():
        raise BundleError(f"{printable(source)}: is not a bundle: it has no {WEIGHTS}")
    model = _read_model(source / WEIGHTS, config)
    try:
        return Bundle(model=model, config=config)
    except ConfigError as error:
        raise BundleError(f"{printable(source / CONFIG)}: is not a bundle's configuration: {error}") from error


def _read_model(path: Path, config: BundleConfig) -> Faster:
    """The model that `config` describes, filled from `path`."""
    try:
        if _sha256(path) != config.weights_sha256:
            raise BundleError(
                f"{printable(path)}: is damaged or belongs to another {CONFIG} (its SHA-256 is not the one written "
                "there); copy the bundle again, both files together"
            )
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{printable(path)}: is not readable as safetensors: {error}") from error
    try:
        with torch.device("meta"):
            model = build_model(config.model, len(config.labels))
        _fill_published(model, config)
    except (ConfigError, WeightsError) as error:
        raise BundleError(f"{printable(path.parent)}: {error}") from error
    published = {name: tensor for name, tensor in model.state_dict().items() if config.is_elsewhere(name)}
    wanted = {name: tensor for name, tensor in model.state_dict().items() if name not in published}
    _check_names(path, set(wanted), set(weights))
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise BundleError(
                f"{printable(path)}: {name} has shape {list(tensor.shape)}, but {CONFIG} ({len(config.labels)} labels) "
                f"asks for {list(wanted[name].shape)}"
            )
    # Copied, because in the file they lie at any byte, and sums depend on where the weights lie.
    full = {name: tensor.to(wanted[name].dtype, copy=True) for name, tensor in weights.items()}
    model.load_state_dict(full | published, assign=True)
    return model.eval()


def _fill_published(model: Faster, config: BundleConfig) -> None:
    """Give networks the published weights that the bundle names. Raises `WeightsError`."""
    for name, reference in config.published.items():
        backbone = getattr(model, name)
        assert isinstance(backbone, PublishedBackbone)  # by its name
        found = fill_published(backbone, getattr(config.model, name))
        if found != reference.sha256:
            raise WeightsError(
                f"the weights of its {name} network have the SHA-256 {found}, but it was trained with "
                f"{reference.sha256}; get those from {reference.source}"
            )


def _check_names(path: Path, wanted: set[str], found: set[str]) -> None:
    for names, what in ((wanted - found, "lacks"), (found - wanted, "has, unasked,")):
        if names:
            raise BundleError(
                f"{printable(path)}: {what} {len(names)} tensors, such as {min(names)!r}; {CONFIG} is not its own"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
