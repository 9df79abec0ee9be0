"""The feature stores that cells of one backbone pair and one N learn from and are judged on."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from faster_video.backbones import build_backbone
from faster_video.bundle import Bundle
from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, Recipe
from faster_video.datasets import Part, VideoList
from faster_video.features import Extraction, extract
from faster_video.features.layout import BYTES_PER_VALUE, Precision, is_store
from faster_video.features.views import naming_dead_workers
from faster_video.pattern import Pattern
from faster_video.reproduce.cells import Setting

STORED_VIEWS = 2
"""Random views of a training video where the recipe names no number."""
BOTH = "both"
REMOVED = ".removed-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Where everything is computed."""

    device: str = "auto"
    precision: Precision = "32-true"
    workers: int = -1
    """Processes that decode; -1 is one per core, at most 8."""
    frame_cache: Path | None = None
    """Folder where decoded frames are kept, so that later reads need no decoding; None keeps none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreNeed:
    """One store: which maps of which videos."""

    folder: Path
    """Of the stores of these networks, N and seed."""
    part: Part
    """`train` or `test`."""
    model: ModelConfig
    """Its pattern says which maps are kept, unless both of every clip are."""
    clips: ClipConfig
    keeps_both: bool
    views: int
    """Random ones of training videos; 0 of test videos, which have their test view."""
    num_videos: int
    """On disk."""

    @property
    def path(self) -> Path:
        """Its own folder."""
        kept = BOTH if self.keeps_both else self.model.pattern.replace(":", "to")
        return self.folder / f"{self.part}-{kept}"

    def num_bytes(self, crop_size: int) -> int:
        """Of its maps."""
        flags = Pattern.parse(self.model.pattern).flags(self.clips.num_clips)
        view = 0
        for network, is_expensive in ((self.model.expensive, True), (self.model.cheap, False)):
            clips = len(flags) if self.keeps_both else flags.count(is_expensive)
            view += clips * _map_bytes(network, self.clips.frames_per_clip, crop_size)
        return self.num_videos * (self.views or 1) * view


@cache
def _map_bytes(network: BackboneConfig, frames: int, crop_size: int) -> int:
    """Of one clip's map; both networks of a model have maps of one size."""
    with torch.device("meta"):
        backbone = build_backbone(network, 2)
    return backbone.channels * prod(backbone.feature_size(frames, crop_size, crop_size)) * BYTES_PER_VALUE


def store_need(folder: Path, part: Part, settings: list[Setting], recipe: Recipe, num_videos: int) -> StoreNeed:
    """The smallest store that serves these settings, or a wider one that is there already.

    The settings have the same networks and clips; they differ in pattern and aggregator.
    """
    first = settings[0]
    patterns = {setting.model.pattern for setting in settings}
    need = StoreNeed(
        folder=folder,
        part=part,
        model=replace(first.model, aggregator="average", pattern=min(patterns)),
        clips=first.clips,
        keeps_both=len(patterns) > 1,
        views=0 if part == "test" else recipe.stage2_stored_views or STORED_VIEWS,
        num_videos=num_videos,
    )
    wider = replace(need, model=replace(need.model, pattern="1:0"), keeps_both=True)
    return wider if need.keeps_both or is_store(wider.path) else need


def make_store(need: StoreNeed, backbones: Bundle, data: VideoList, seed: int, machine: Machine) -> int:
    """Write the store, or go on with it; returns how many of its videos could not be read, missing ones aside.

    Raises: as `extract`.
    """
    wanted = Extraction(
        bundle=with_setting(backbones, Setting(model=need.model, clips=need.clips)),
        data=data,
        out=need.path,
        part=need.part,
        views=need.views,
        test_view=need.part == "test",
        networks=BOTH if need.keeps_both else "pattern",
        seed=seed,
        device=machine.device,
        precision=machine.precision,
        workers=machine.workers,
        frame_cache=machine.frame_cache,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        naming_dead_workers(),
        Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("views", total=None)
        done = extract(
            wanted,
            resume=True,
            show=lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
    return len({view.number for view in done.config.unreadable})


def with_setting(bundle: Bundle, setting: Setting) -> Bundle:
    """A bundle of the same weights under this pattern and these clips; the aggregator stays."""
    chosen = bundle.with_pattern(setting.model.pattern)
    return Bundle(model=chosen.model, config=replace(chosen.config, clips=setting.clips))


def remove_stores(folder: Path) -> None:
    """Remove a folder of stores; one that is half removed by a killed process is no store any more."""
    if folder.is_dir():
        aside = Path(tempfile.mkdtemp(prefix=REMOVED, dir=folder.parent))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside)


def remove_leftovers(stores: Path) -> None:
    """Finish what a killed process had begun to remove."""
    for aside in stores.glob(f"{REMOVED}*"):
        shutil.rmtree(aside, ignore_errors=True)


Say = Callable[[str], None]
"""Tells a person something, on a line of its own."""
