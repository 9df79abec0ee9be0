"""The folder of experiments (docs/reproduce.md "The folder"): what lies where in it, and whose it is."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import dacite

from faster_video.bundle import FROM_JSON, load_bundle_config
from faster_video.config import BackboneConfig
from faster_video.errors import TrainingError
from faster_video.files import printable, replacing_file, require_writable_place
from faster_video.pattern import Pattern
from faster_video.reproduce.cells import BackbonePair, Setting
from faster_video.reproduce.results import SeedResult

SETTINGS = "reproduce.json"
FORMAT = "faster_video reproduce 1"
BACKBONES, PRETRAINED = "backbones", "pretrained"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a result's file holds."""

    setting: dict[str, Any]
    unreadable: int
    """Test videos that could not be read, missing ones included; each is wrong."""
    result: SeedResult
    networks_sha256: str = ""
    """Weights of both networks; empty in a file of an older version."""


@dataclass(frozen=True, slots=True)
class ExperimentFolder:
    """What several experiments on one list with one recipe share."""

    path: Path

    def open(self, settings: dict[str, Any]) -> None:
        """Begin it, or check that it was begun with the same settings.

        Raises:
            TrainingError: it was not, holds other things, or cannot be written.
        """
        settings = json.loads(json.dumps({"format": FORMAT} | settings))
        file = self.path / SETTINGS
        try:
            if file.exists():
                self._require_same(json.loads(file.read_text("utf-8")), settings)
                return
            if self.path.exists() and (
                not self.path.is_dir() or not {BACKBONES, PRETRAINED}.issuperset(_names(self.path))
            ):
                raise TrainingError(
                    f"{printable(self.path)}: is there already and was not made by reproduce; choose a new folder"
                )
            require_writable_place(file)
            with replacing_file(file) as aside:
                aside.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise TrainingError(
                f"{printable(self.path)}: cannot keep the experiment's results there: {reason}"
            ) from error

    def _require_same(self, theirs: Any, ours: dict[str, Any]) -> None:
        different = list(_differences(theirs, ours))
        if different:
            raise TrainingError(
                f"{printable(self.path)}: its experiments were made with other settings: {'; '.join(different)}; give "
                "the same, or choose another --out"
            )

    def backbones(self, pair: BackbonePair, seed: int) -> Path:
        """The run directory of stage 1."""
        return self.path / BACKBONES / f"{pair_name(pair)}-seed{seed}"

    def pretrained(self, pair: BackbonePair, seed: int) -> Path:
        """The run directory of stage 1 on other videos."""
        return self.path / PRETRAINED / f"{pair_name(pair)}-seed{seed}"

    def stage2(self, setting: Setting, seed: int) -> Path:
        """The run directory of a cell's stage 2."""
        return self.path / "cells" / f"{setting_name(setting)}-seed{seed}"

    def store(self, pair: BackbonePair, num_clips: int, seed: int) -> Path:
        """The folder of the feature stores of these clips."""
        return self.path / "stores" / f"{pair_name(pair)}-N{num_clips}-seed{seed}"

    def result(self, setting: Setting, seed: int) -> Path:
        """The file of a cell's result."""
        return self.path / "results" / f"{setting_name(setting)}-seed{seed}.json"

    def networks_sha256(self, pair: BackbonePair, seed: int) -> str:
        """Weights of the networks that are there; empty if there are none, or none any more. Raises BundleError."""
        bundle = self.backbones(pair, seed) / "bundle"
        return load_bundle_config(bundle).weights_sha256 if bundle.is_dir() else ""

    def save(self, setting: Setting, result: SeedResult, unreadable: int) -> None:
        """Keep a result of the networks that are there, whole or not at all. Raises TrainingError."""
        networks = self.networks_sha256(setting.backbones, result.seed)
        judged = asdict(Judged(setting=asdict(setting), unreadable=unreadable, result=result, networks_sha256=networks))
        judged["result"]["correct"] = "".join(str(int(correct)) for correct in result.correct)
        write_json(self.result(setting, result.seed), {"format": FORMAT} | judged)

    def load(self, setting: Setting, seed: int) -> Judged | None:
        """A result that is there already.

        Raises:
            TrainingError: the file is not what `save` wrote, or is of other networks than those that are there.
            BundleError: the networks are damaged.
        """
        judged = self._read(setting, seed)
        if judged is not None and judged.networks_sha256:
            what = f"{printable(self.result(setting, seed))}: was judged"
            self.require_same_networks(setting.backbones, seed, judged.networks_sha256, what)
        return judged

    def require_same_networks(self, pair: BackbonePair, seed: int, networks_sha256: str, what: str) -> None:
        """Refuse what was made with networks of other weights than those that are there, if any are.

        `what` begins the sentence: it was judged, or it was trained.

        Raises:
            TrainingError: that is so.
            BundleError: the networks are damaged.
        """
        if self.networks_sha256(pair, seed) not in ("", networks_sha256):
            raise TrainingError(
                f"{what} with other networks than there are now in {printable(self.backbones(pair, seed))}; remove it, "
                "and it is made again"
            )

    def _read(self, setting: Setting, seed: int) -> Judged | None:
        """What `save` has written."""
        path = self.result(setting, seed)
        try:
            values = json.loads(path.read_text("utf-8"))
            if values.pop("format") != FORMAT or values["setting"] != json.loads(json.dumps(asdict(setting))):
                raise ValueError("it is of another format or setting")
            values["result"]["correct"] = tuple(letter == "1" for letter in values["result"]["correct"])
            return dacite.from_dict(Judged, values, dacite.Config(strict=True, type_hooks=FROM_JSON))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, dacite.DaciteError) as error:
            raise TrainingError(
                f"{printable(path)}: is no result of an experiment: {error}; remove it, and it is made again"
            ) from error


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Whole or not at all. Raises TrainingError."""
    try:
        with replacing_file(path) as aside:
            aside.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise TrainingError(f"{printable(path)}: cannot be written: {error.strerror or error}") from error


def canonical(setting: Setting) -> Setting:
    """The same clips from the same networks under one name: `1:31` of 32 clips is `first`."""
    flags = Pattern.parse(setting.model.pattern).flags(setting.clips.num_clips)
    pattern = setting.model.pattern
    if all(flags):
        pattern = "1:0"
    elif not any(flags):
        pattern = "0:1"
    elif flags[0] and not any(flags[1:]):
        pattern = "first"
    return replace(setting, model=replace(setting.model, pattern=pattern))


def pair_name(pair: BackbonePair) -> str:
    """Such as `r3d50-w0.1875+r2d26-w0.1875-L8`."""
    return f"{_backbone_name(pair.expensive)}+{_backbone_name(pair.cheap)}-L{pair.frames_per_clip}"


def setting_name(setting: Setting) -> str:
    """Such as `fast_gru-1to3-N8-r3d50-w0.1875+r2d26-w0.1875-L8`."""
    pattern = setting.model.pattern.replace(":", "to")
    return f"{setting.model.aggregator}-{pattern}-N{setting.clips.num_clips}-{pair_name(setting.backbones)}"


def _backbone_name(backbone: BackboneConfig) -> str:
    return f"{backbone.name}-w{backbone.width:g}"


def _names(folder: Path) -> set[str]:
    """Of what is in a folder, without what a killed process left half written."""
    return {name for name in os.listdir(folder) if not name.startswith(f".{SETTINGS}.")}  # noqa: PTH208 - names only


_WORDS = {
    "train": "the training videos are others",
    "test": "the test videos are others",
    "pretraining": "the videos or epochs of --pretrain are others",
    "start_sha256": "the bundle to start from is another",
}
"""Settings whose values say nothing to a person."""


def _differences(theirs: Any, ours: dict[str, Any], group: str = "") -> Iterator[str]:
    """What is not the same, each in words."""
    before = theirs if isinstance(theirs, dict) else {}
    for name, value in ours.items():
        if before.get(name) == value:
            continue
        if not group and name in _WORDS:
            yield _WORDS[name]
        elif isinstance(value, dict):
            yield from _differences(before.get(name), value, f"{group}{name}.")
        else:
            yield f"{group}{name} is {before.get(name)} there and {value} now"
