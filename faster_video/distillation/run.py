"""`distill`: features of both networks kept once, then an aggregator that learns the teacher's answers from them.

Shapes: B videos of a batch, N clips per video, K classes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from faster_video.bundle import Bundle, load_bundle_config, save_bundle
from faster_video.config import StageConfig, require_at_least
from faster_video.datasets import VideoList
from faster_video.distillation.agreement import ALL_EXPENSIVE, Agreement, agreements, divergence_meter
from faster_video.distillation.start import start_as_average
from faster_video.distillation.videos import Found, require_readable, warn_of_both
from faster_video.engine import AUTO
from faster_video.errors import BundleError, ConfigError
from faster_video.evaluation import baseline
from faster_video.features import Extraction, Features, StoredKey, extract, open_features
from faster_video.features.layout import TEST
from faster_video.files import printable
from faster_video.pattern import Pattern
from faster_video.training.learners import AggregatorLearner
from faster_video.training.schedule import learning_rate
from faster_video.training.state import make_optimizer

FEATURES, BUNDLE = "features", "bundle"
"""Folders in that of a distillation."""
VIEWS_SEED = 0
"""Of the random views, whatever the seed of the learning: their maps are what takes long."""
CUT_SHARE = 0.5
"""Of the videos that another one goes on from."""
Show = Callable[[str, int, int], None]
"""Is told what is done, how much of it, of how much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distillation:
    """Which networks, on which videos, into which folder."""

    bundle: Bundle
    """Of two networks that answer with the bundle's labels (`untrained_bundle`)."""
    data: VideoList
    """Videos to learn from; their labels are not looked at."""
    validation: VideoList
    """Others, on which the agreement is measured, and by which the weights are chosen."""
    out: Path
    patterns: tuple[str, ...] = ("1:1", "1:7", "1:3")
    """Learned in turns, so that the bundle serves all of them; the last one is the one that it is written with."""
    views: int = 2
    """Random views of every video."""
    config: StageConfig
    seed: int = 0
    """Fixes order and cuts; the views are the same for all."""
    device: str = "auto"
    engine: str = AUTO
    workers: int = -1

    def __post_init__(self) -> None:
        require_at_least("views", self.views, 1)
        require_at_least("epochs", self.config.epochs, 1)
        for pattern in self.patterns:
            Pattern.parse(pattern)
        if not self.patterns:
            raise ConfigError("patterns is empty; name at least one, such as 1:3")
        model = self.bundle.config.model
        for network in (model.expensive, model.cheap):
            if network.head != "published":
                raise ConfigError(
                    f"head of {network.name} is {network.head!r}; without labels nothing but its own answers can be "
                    "learned from, so it must be 'published'"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Distilled:
    """What came out."""

    bundle: Bundle
    before: list[Agreement]
    """On the validation videos, with the first weights."""
    after: list[Agreement]
    epoch: int
    """After how many passes the weights were best on the validation videos; 0 are the first ones."""
    learned: Found
    """What there was of the videos to learn from."""
    judged: Found
    """What there was of the validation videos."""


def distill(wanted: Distillation, show: Show = lambda what, done, total: None) -> Distilled:
    """Keep both networks' maps in OUT/features, train the aggregator on them, and write OUT/bundle.

    Called again, it goes on with the maps that are there. The loss is KL(teacher ‖ student) after every clip: the
    teacher is the expensive network on the clips so far, its scores averaged; the student folds the pattern's mix. In
    half of the videos another one goes on from some clip on: for the teacher any clips make a video, and few real ones
    show as much as cuts do. Of the first weights and those after each pass, the ones are kept whose KL on the
    validation videos is lowest, the mean over the patterns. A bundle that is there is replaced
    (`require_no_other_bundle`). Warns of videos that are in both lists.

    Raises:
        ConfigError: the first weights cannot be made (`start_as_average`), or a device or engine is not there.
        DataError: no video could be read.
        StoreError: the maps cannot be kept there.
        BundleError: the bundle cannot be written there.
    """
    warn_of_both(wanted.data, wanted.validation)
    torch.manual_seed(wanted.seed)
    start_as_average(wanted.bundle.model, wanted.seed)
    train = _features(wanted, wanted.data, "train", wanted.views, show)
    learned = require_readable(train, wanted.data, "to learn from")
    held_back = _features(wanted, wanted.validation, "validation", 0, show)
    judged = require_readable(held_back, wanted.validation, "to measure the agreement on")
    keys = _keys(held_back, [TEST])
    before = list(agreements(wanted.bundle, held_back, keys, wanted.patterns))
    epoch = _learn(wanted, train, divergence_meter(wanted.bundle, held_back, keys, wanted.patterns), show)
    after = list(agreements(wanted.bundle, held_back, keys, wanted.patterns))
    pattern = wanted.patterns[-1]
    bundle = Bundle(model=wanted.bundle.model.eval(), config=wanted.bundle.config).with_pattern(pattern)
    done = Distilled(bundle=bundle, before=before, after=after, epoch=epoch, learned=learned, judged=judged)
    bundle = replace(bundle, config=replace(bundle.config, provenance=_provenance(wanted, done)))
    save_bundle(bundle, wanted.out / BUNDLE)
    return replace(done, bundle=bundle)


def require_no_other_bundle(wanted: Distillation) -> None:
    """Refuse a folder with a bundle of another distillation; the same one again makes the same bundle.

    Raises:
        BundleError: there is one.
    """
    folder = wanted.out / BUNDLE
    if not folder.exists():
        return
    with suppress(BundleError):  # it is none, or damaged
        config, ours = load_bundle_config(folder), wanted.bundle.config
        asked = json.loads(json.dumps(_asked(wanted)))
        theirs = config.provenance.get("distilled", {})
        same_networks = (config.published, config.clips, config.transform) == (
            ours.published,
            ours.clips,
            ours.transform,
        )
        if same_networks and asked == {name: theirs.get(name) for name in asked}:
            return
    raise BundleError(
        f"{printable(folder)}: is there already, and not from this distillation; choose another folder for --out, or "
        "move it away"
    )


def _features(wanted: Distillation, data: VideoList, name: str, views: int, show: Show) -> Features:
    """Maps of both networks of every clip, made or gone on with."""
    extraction = Extraction(
        bundle=wanted.bundle,
        data=data,
        out=wanted.out / FEATURES / name,
        views=views,
        test_view=not views,
        networks="both",
        seed=VIEWS_SEED,
        device=wanted.device,
        engine=wanted.engine,
        workers=wanted.workers,
    )
    extract(extraction, resume=extraction.out.exists(), show=show)
    return open_features(extraction.out)


def _keys(features: Features, views: Sequence[int]) -> list[StoredKey]:
    """Those views of all videos that could be read."""
    keys = [StoredKey(video, view) for view in views for video in range(len(features.videos))]
    return [key for key in keys if features.has(key)]


def _learn(wanted: Distillation, features: Features, divergence: Callable[[], float], show: Show) -> int:
    """Train aggregator, projection and classifier in place; after how many passes `divergence` was lowest, as left."""
    keys = _keys(features, range(features.views))
    students = [wanted.bundle.model.with_pattern(Pattern.parse(pattern)) for pattern in wanted.patterns]
    teacher = baseline(wanted.bundle).with_pattern(ALL_EXPENSIVE).model
    learner = AggregatorLearner(wanted.bundle.model)
    optimizer = make_optimizer(learner, wanted.config)
    num_clips = wanted.bundle.config.clips.num_clips
    all_expensive = [True] * num_clips
    batches = list(_batches(keys, wanted.config, wanted.seed))
    learner.eval()
    best, lowest, weights = 0, divergence(), _copy(learner)
    learner.train()
    for step, batch in enumerate(batches):
        student = students[step % len(students)]
        rate = learning_rate(
            step,
            total_steps=len(batches),
            warmup_steps=round(wanted.config.warmup_epochs * len(batches) / wanted.config.epochs),
            peak=wanted.config.peak_learning_rate,
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        cuts = _cuts(len(batch), num_clips, Random(f"{wanted.seed}/cuts/{step}"))
        seen, mixed = (
            _cut(features.batch(batch, flags), cuts) for flags in (all_expensive, student.pattern.flags(num_clips))
        )
        with torch.no_grad():
            wanted_answers = teacher.fold_all(seen)  # [B, N, K]
        _divergence(student.fold_all(mixed), wanted_answers).backward()  # type: ignore[no-untyped-call]
        if wanted.config.max_gradient_norm:
            clip_grad_norm_(learner.parameters(), wanted.config.max_gradient_norm)
        optimizer.step()
        show("learning", step + 1, len(batches))
        epoch, rest = divmod((step + 1) * wanted.config.epochs, len(batches))
        if rest == 0:
            learner.eval()
            if (now := divergence()) < lowest:
                best, lowest, weights = epoch, now, _copy(learner)
            learner.train()
    learner.load_state_dict(weights)
    learner.eval()
    return best


def _copy(learner: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.state_dict().items()}


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student) of log-probabilities [B, N, K], the mean over videos and answers."""
    return (teacher.exp() * (teacher - student)).sum(dim=2).mean()


def _cuts(videos: int, clips: int, random: Random) -> list[int]:
    """Of each video the number of its clips before another one goes on; all of them in half of the videos."""
    return [random.randint(1, clips) if random.random() < CUT_SHARE else clips for _ in range(videos)]


def _cut(maps: Sequence[Tensor], cuts: Sequence[int]) -> tuple[Tensor, ...]:
    """N maps [B, D, t, h, w], from each video's cut on those of the next one in the batch."""
    before = torch.tensor(cuts)[:, None, None, None, None]
    return tuple(torch.where(before > number, clip, clip.roll(-1, dims=0)) for number, clip in enumerate(maps))


def _batches(keys: Sequence[StoredKey], config: StageConfig, seed: int) -> Iterator[list[StoredKey]]:
    """Every epoch all views, in another order."""
    for epoch in range(config.epochs):
        order = Random(f"{seed}/distill/{epoch}").sample(keys, len(keys))
        for start in range(0, len(order), config.batch_size):
            yield order[start : start + config.batch_size]


def _asked(wanted: Distillation) -> dict[str, object]:
    """All but the networks that the weights depend on."""
    return {
        "videos": len(wanted.data.videos),
        "data_sha256": wanted.data.sha256,
        "validation_videos": len(wanted.validation.videos),
        "validation_sha256": wanted.validation.sha256,
        "views": wanted.views,
        "patterns": list(wanted.patterns),
        "seed": wanted.seed,
        "config": asdict(wanted.config),
    }


def _provenance(wanted: Distillation, done: Distilled) -> dict[str, object]:
    counts = {
        f"{name}{what}": count
        for name, there in (("", done.learned), ("validation_", done.judged))
        for what, count in (("readable", there.readable), ("missing", there.missing))
    }
    return {
        "distilled": _asked(wanted) | counts | {"best_epoch": done.epoch},
        "agreement_before": [asdict(row) for row in done.before],
        "agreement": [asdict(row) for row in done.after],
    }
