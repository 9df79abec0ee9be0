"""Everything that cells need before they can be judged, each once: networks, feature stores, stage 2.

A piece of work that was finished is found in the folder again; one that was begun goes on. So the same plan, made again
after whatever has happened, holds what is still to do.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from faster_video.bundle import Bundle, load_bundle
from faster_video.config import ModelConfig, Recipe, StageConfig
from faster_video.datasets import VideoList
from faster_video.evaluation import with_untrained_aggregator
from faster_video.features import open_features
from faster_video.features.index import require_store_package
from faster_video.files import printable
from faster_video.reproduce.cells import BackbonePair, Setting
from faster_video.reproduce.folder import ExperimentFolder, canonical, pair_name
from faster_video.reproduce.parts import ExperimentParts
from faster_video.reproduce.pretraining import Pretraining, from_pretrained, require_beginning
from faster_video.reproduce.runs import forget_run_of_others, judge, stage2_seconds, trained
from faster_video.reproduce.stores import (
    Machine,
    Say,
    StoreNeed,
    make_store,
    remove_stores,
    store_need,
    with_setting,
)
from faster_video.training.checks import check_run
from faster_video.training.run import RunConfig
from faster_video.training.run_directory import SETTINGS
from faster_video.training.train import train

SKIPPED = StageConfig(epochs=0, warmup_epochs=0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to do, and what to call it."""

    title: str
    work: Callable[[], object]
    store: StoreNeed | None = None
    """The store that it writes."""


class Workshop:
    """Trains and judges settings on one list with one recipe, in one folder."""

    def __init__(
        self,
        folder: ExperimentFolder,
        recipe: Recipe,
        parts: ExperimentParts,
        machine: Machine,
        *,
        start: Bundle | None = None,
        pretraining: Pretraining | None = None,
        keeps_stores: bool = False,
        say: Say = print,
    ) -> None:
        """`start` is fine-tuned as a whole, and then judged, in the place of networks and stage 2 from nothing.

        With `pretraining` networks learn from its videos before they learn from those of `parts`.
        """
        self.folder = folder
        self.recipe = recipe
        self.parts = parts
        self.num_test = len(parts.test.present().videos)
        self.machine = machine
        self.start = start
        self.pretraining = pretraining
        self.keeps_stores = keeps_stores
        self.say = say

    def check(self, settings: Iterable[Setting]) -> None:
        """Refuse, before anything is written, what training could only fail at later.

        Raises:
            DataError: too few labels, or a label with a single training video.
            StoreError: pyarrow is not installed.
            ConfigError: device or precision are not to be had here; the bundle to start from does not fit the recipe;
                or a batch is too small.
        """
        require_store_package()
        for setting in _once(settings):
            run = self._backbones_run(setting.backbones, 0)
            if self.pretraining is not None:
                check_run(self._pretraining_run(setting.backbones, 0, self.pretraining))
            whole = replace(self.recipe, clips=setting.clips, model=setting.model)
            check_run(run if self.start else replace(run, recipe=whole))

    def plan(self, settings: Iterable[Setting], seed: int) -> Iterator[Piece]:
        """What is to be done so that every setting has its result of this seed, in an order that keeps few stores."""
        wanted = _once(settings)
        todo = [setting for setting in wanted if self.folder.load(setting, seed) is None]
        planned: set[Path] = set()
        for pair in dict.fromkeys(setting.backbones for setting in wanted):
            if any(one.backbones == pair for one in todo):
                yield from self._plan_backbones(pair, seed, planned)
            for num_clips in dict.fromkeys(one.clips.num_clips for one in wanted if one.backbones == pair):
                group = [one for one in todo if (one.backbones, one.clips.num_clips) == (pair, num_clips)]
                stores = self.folder.store(pair, num_clips, seed)
                yield from self._plan_group(group, stores, seed) if group else ()
                if not self.keeps_stores and (group or stores.is_dir()):
                    title = f"removal of the features of {num_clips} clips, seed {seed}"
                    yield Piece(title, partial(remove_stores, stores))

    def _plan_backbones(self, pair: BackbonePair, seed: int, planned: set[Path]) -> Iterator[Piece]:
        """Their training, in one or two pieces, where it is still to do and not `planned` for other clip lengths."""
        run = self._backbones_run(pair, seed)
        if self.pretraining is not None:
            first = self._pretraining_run(pair, seed, self.pretraining)
            require_beginning(run, first)
            if not first.bundle_folder.exists() and first.out not in planned:
                planned.add(first.out)
                name = pair_name(self._pretraining_pair(pair))
                yield Piece(f"pre-training of {name}, seed {seed}", partial(trained, first))
        if not run.bundle_folder.exists():
            what = "networks" if self.start is None and self.pretraining is None else "fine-tuning of"
            yield Piece(f"{what} {pair_name(pair)}, seed {seed}", partial(self._backbones, pair, seed))

    def _plan_group(self, group: list[Setting], stores: Path, seed: int) -> Iterator[Piece]:
        """Settings with the same networks and clips: their stores, then each setting."""
        pair, clips = group[0].backbones, group[0].clips
        learned = [one for one in group if self._learns(one) and not self._stage2_bundle(one, seed).exists()]
        test_need = store_need(stores, "test", group, self.recipe, self.num_test)
        num_train = len(self.parts.train.videos)
        train_need = store_need(stores, "train", learned, self.recipe, num_train) if learned else None
        for need in (train_need, test_need):
            if need is not None:
                data = self.parts.train if need.part == "train" else self.parts.test
                title = f"features of {clips.num_clips} × {clips.frames_per_clip} frames, {need.part} part, seed {seed}"
                yield Piece(title, partial(self._store, need, pair, data, seed), need)
        for setting in group:
            judging = partial(self._judge, setting, seed, train_need, test_need)
            yield Piece(f"{described(setting)}, seed {seed}", judging)

    def bundle(self, setting: Setting, seed: int) -> Bundle:
        """What was judged as this setting: networks with average pooling, or with what stage 2 has learned."""
        setting = canonical(setting)
        if self._learns(setting):
            return load_bundle(self._stage2_bundle(setting, seed))
        return self._unlearned(setting, seed)

    def _learns(self, setting: Setting) -> bool:
        """Whether the setting has a stage 2 of its own."""
        return self.start is None and setting.model.aggregator != "average"

    def _stage2_bundle(self, setting: Setting, seed: int) -> Path:
        return self.folder.stage2(setting, seed) / "bundle"

    def _backbones_run(self, pair: BackbonePair, seed: int) -> RunConfig:
        """Stage 1 alone; what stage 2 will do is not part of it, so that other folders can have these networks.

        A bundle to start from goes through both stages as it is.
        """
        recipe = self.recipe if self.start is not None else _stage1_alone(self.recipe, pair)
        if self.pretraining is not None:
            recipe = self.pretraining.second_time(recipe)
        return RunConfig(
            recipe=recipe,
            data=self.parts.train,
            finetune=self.start,
            out=self.folder.backbones(pair, seed),
            seed=seed,
            device=self.machine.device,
            precision=self.machine.precision,
            workers=self.machine.workers,
            frame_cache=self.machine.frame_cache,
        )

    def _pretraining_pair(self, pair: BackbonePair) -> BackbonePair:
        """The same networks at the recipe's own clip length, where they learn first whatever length is wanted."""
        return replace(pair, frames_per_clip=self.recipe.clips.frames_per_clip)

    def _pretraining_run(self, pair: BackbonePair, seed: int, pretraining: Pretraining) -> RunConfig:
        """Stage 1 alone, on other videos."""
        pair = self._pretraining_pair(pair)
        run = self._backbones_run(pair, seed)
        return replace(
            run,
            recipe=_stage1_alone(self.recipe, pair),
            data=pretraining.data,
            out=self.folder.pretrained(pair, seed),
        )

    def _backbones(self, pair: BackbonePair, seed: int) -> Bundle:
        """Both networks of a pair, trained now or before; of a fine-tuned bundle with its aggregator."""
        run = self._backbones_run(pair, seed)
        if self.pretraining is not None:
            run = from_pretrained(run, self._pretraining_run(pair, seed, self.pretraining))
        return trained(run)

    def _unlearned(self, setting: Setting, seed: int) -> Bundle:
        """The networks under this setting: with average pooling, or as they were fine-tuned."""
        networks = self._backbones(setting.backbones, seed)
        return with_setting(with_untrained_aggregator(networks, setting.model.aggregator), setting)

    def _store(self, need: StoreNeed, pair: BackbonePair, data: VideoList, seed: int) -> None:
        lost = make_store(need, self._backbones(pair, seed), data, seed, self.machine)
        if lost:
            self.say(f"{lost} videos of the {need.part} part could not be read")

    def _judge(self, setting: Setting, seed: int, train_need: StoreNeed | None, test_need: StoreNeed) -> None:
        """Stage 2 where the setting learns, then its result."""
        if self._learns(setting):
            bundle = self._stage2(setting, seed, train_need)
            seconds = stage2_seconds(self.folder.stage2(setting, seed))
        else:
            bundle = self._unlearned(setting, seed)
            averages = setting.model.aggregator == "average"
            seconds = 0.0 if averages else stage2_seconds(self.folder.backbones(setting.backbones, seed))
        judge(self.folder, setting, seed, bundle, test_need.path, seconds, self.machine.device)

    def _stage2(self, setting: Setting, seed: int, need: StoreNeed | None) -> Bundle:
        out = self.folder.stage2(setting, seed)
        if need is None or (out / "bundle").exists():
            bundle = load_bundle(out / "bundle")
            networks = str(bundle.config.provenance.get("backbones_sha256"))
            self.folder.require_same_networks(setting.backbones, seed, networks, f"{printable(out)}: was trained")
            return bundle
        features = open_features(need.path, part="train")
        forget_run_of_others(out, features.identity)
        recipe = replace(self.recipe, clips=setting.clips, model=setting.model, stage2_stored_views=0)
        run = RunConfig(
            recipe=recipe,
            data=VideoList(need.path, features.videos),
            features=features,
            backbones=self._backbones(setting.backbones, seed),
            out=out,
            seed=seed,
            device=self.machine.device,
            precision=self.machine.precision,
            workers=0,
        )
        return train(run, resume=(out / SETTINGS).exists())


def described(setting: Setting) -> str:
    """A setting in the words of the tables."""
    clips = setting.clips
    return f"{setting.model.aggregator} at {setting.model.pattern}, {clips.num_clips} × {clips.frames_per_clip} frames"


def _stage1_alone(recipe: Recipe, pair: BackbonePair) -> Recipe:
    """What trains a pair of networks and nothing else."""
    clips = replace(recipe.clips, num_clips=1, frames_per_clip=pair.frames_per_clip)
    model = ModelConfig(expensive=pair.expensive, cheap=pair.cheap, aggregator="average", pattern="1:0")
    return replace(recipe, clips=clips, model=model, stage2=SKIPPED, stage2_stored_views=0)


def _once(settings: Iterable[Setting]) -> list[Setting]:
    """Each under its one name, in the order in which they come first."""
    return list(dict.fromkeys(canonical(setting) for setting in settings))
