"""Stage 2 learns the same from stored features as from pixels."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from training_samples import small_recipe, write_small_set

from faster_video.bundle import Bundle, BundleConfig, save_bundle
from faster_video.cli import main
from faster_video.config import StageConfig
from faster_video.datasets import LabelledVideo, VideoList, read_list
from faster_video.errors import ConfigError
from faster_video.features import Extraction, FeatureStore, StoredKey, extract, open_features
from faster_video.model import Faster, build_model
from faster_video.pattern import Pattern
from faster_video.training.batches import Batches
from faster_video.training.learners import AggregatorLearner
from faster_video.training.logs import STEP_FIELDS, read_rows
from faster_video.training.run import RunConfig
from faster_video.training.samples import Batch, Maps, SampleKey, TrainingClips
from faster_video.training.sources import FrozenSource, PixelSource
from faster_video.training.stage import BatchSource
from faster_video.training.stored import StoreSource
from faster_video.training.train import train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    whole = read_list(write_small_set(tmp_path_factory.mktemp("set") / "motion") / "train.csv")
    return replace(whole, videos=whole.videos[:16])


def bundle_of(data: VideoList) -> Bundle:
    recipe = small_recipe()
    config = BundleConfig(labels=data.labels, model=recipe.model, clips=recipe.clips, transform=recipe.transform)
    torch.manual_seed(3)
    return Bundle(model=build_model(config.model, len(data.labels)).eval(), config=config)


def clips_of(data: VideoList) -> TrainingClips:
    """What training from pixels reads."""
    config = bundle_of(data).config
    return TrainingClips(data.videos, data.labels, clips=config.clips, num_clips=3, transform=config.transform, seed=7)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def store(data: VideoList, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    out = tmp_path_factory.mktemp("stored") / "store"
    extract(Extraction(bundle=bundle_of(data), data=data, out=out, views=2, seed=7, workers=0))
    return FeatureStore(out)


def from_store(store: FeatureStore, views_per_video: int = 1, num_clips: int = 3) -> StoreSource:
    return StoreSource(store, pattern=Pattern.parse("1:1"), num_clips=num_clips, views_per_video=views_per_video)


def losses(model: Faster, source: object, keys: list[list[SampleKey]]) -> list[float]:
    """Of every step."""
    learner = AggregatorLearner(model)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=3e-3)
    found = []
    for batch in source(keys):  # type: ignore[operator]
        assert isinstance(batch, Batch) and isinstance(batch.inputs, tuple)
        loss = functional.nll_loss(learner(batch.inputs), batch.labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(float(loss.detach()))
    return found


def test_the_losses_are_those_from_pixels_for_the_same_views(data: VideoList, store: FeatureStore) -> None:
    bundle, clips = bundle_of(data), clips_of(data)
    stage = StageConfig(epochs=2, warmup_epochs=0, batch_size=8)
    keys = list(Batches(len(data.videos), stage, seed=0))
    frozen = FrozenSource(bundle.model, PixelSource(clips, workers=0), torch.device("cpu"))
    pixels = losses(bundle.model, frozen, keys)
    assert losses(bundle_of(data).model, from_store(store), keys) == pytest.approx(pixels, rel=1e-3)
    assert len(pixels) == 4 and len(set(pixels)) == 4


def test_stored_views_take_turns(store: FeatureStore) -> None:
    source: BatchSource = from_store(store, views_per_video=3)
    (batch,) = source([[SampleKey(epoch, 4, view) for epoch in range(2) for view in range(3)]])  # type: ignore[arg-type]
    assert isinstance(batch, Batch) and isinstance(batch.inputs, tuple)
    assert batch.keys == [SampleKey(turn % 2, 4, 0) for turn in range(6)]
    for clip, stored in enumerate(store.features(4, 1)):
        assert torch.equal(batch.inputs[clip][1], stored.float())


def test_maps_are_float32_with_their_channels_together_in_memory(store: FeatureStore) -> None:
    (batch,) = from_store(store)([[SampleKey(0, 0, 0), SampleKey(0, 1, 0)]])
    assert isinstance(batch, Batch) and isinstance(batch.inputs, tuple)
    for inputs in batch.inputs:
        assert inputs.dtype == torch.float32
        assert inputs.is_contiguous(memory_format=torch.channels_last_3d)


def test_views_of_unreadable_videos_are_reported_once_and_left_out(data: VideoList, tmp_path: Path) -> None:
    broken = LabelledVideo(tmp_path / "text.mp4", data.labels[0])
    broken.path.write_text("no video")
    some = replace(data, videos=(data.videos[0], broken, data.videos[1]))
    extract(Extraction(bundle=bundle_of(data), data=some, out=tmp_path / "store", views=1, workers=0))
    source = from_store(FeatureStore(tmp_path / "store"))
    keys = [SampleKey(0, video, 0) for video in range(3)]
    nothing, first, second = source([[keys[1]], keys, keys])
    assert isinstance(nothing, list) and isinstance(first, Batch) and isinstance(second, Batch)
    (ours,), (pixels,) = nothing, PixelSource(clips_of(some), workers=0)([[keys[1]]])
    assert isinstance(pixels, list)
    assert ours.path.name == "text.mp4"
    assert ours.reason.startswith(f"{ours.path}: ") and pixels[0].reason.startswith(f"{broken.path}: ")
    assert ours.reason.removeprefix(f"{ours.path}: ") == pixels[0].reason.removeprefix(f"{broken.path}: ")
    assert [key.video for key in first.keys] == [0, 2]
    assert first.unreadable == second.unreadable == []


@pytest.fixture
def with_missing(data: VideoList) -> VideoList:
    """32 videos that are there (each of the 16 twice), and after every second a missing one."""
    videos: list[LabelledVideo] = []
    for number, video in enumerate((*data.videos, *data.videos)):
        videos.append(video)
        if number % 2:
            videos.append(LabelledVideo(video.path.with_name(f"none{number}.mp4"), video.label))
    return replace(data, videos=tuple(videos))


def test_missing_videos_are_neither_unreadable_nor_in_a_batch(with_missing: VideoList, tmp_path: Path) -> None:
    bundle = bundle_of(with_missing)
    extract(Extraction(bundle=bundle, data=with_missing, out=tmp_path / "store", views=1, seed=7, workers=0))
    keys = [[SampleKey(0, video, 0) for video in range(6)]]
    all_there = open_features(tmp_path / "store", part="train")
    for features, numbers in ((FeatureStore(tmp_path / "store"), [0, 1, 3, 4]), (all_there, [0, 1, 3, 4, 6, 7])):
        source = StoreSource(features, pattern=Pattern.parse("1:1"), num_clips=3, views_per_video=1)
        (ours,) = source(keys)
        assert isinstance(ours, Batch) and ours.unreadable == []
        of_the_list = [SampleKey(0, number, 0) for number in numbers]  # its numbering fixes their clips
        frozen = FrozenSource(bundle.model, PixelSource(clips_of(with_missing), workers=0), torch.device("cpu"))
        (theirs,) = frozen([of_the_list])
        assert isinstance(theirs, Batch)
        assert torch.equal(ours.labels, theirs.labels)
        assert isinstance(ours.inputs, tuple) and isinstance(theirs.inputs, tuple)
        for one, other in zip(ours.inputs, theirs.inputs, strict=True):
            torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-3)


def test_a_store_of_a_list_with_missing_videos_is_trained_on(with_missing: VideoList, tmp_path: Path) -> None:
    assert len(with_missing.missing) / len(with_missing.videos) > 0.3
    save_bundle(bundle_of(with_missing), tmp_path / "bundle")
    listed = "".join(f"{video.path},{video.label}\n" for video in with_missing.videos)
    (tmp_path / "list.csv").write_text(listed)
    store, run, bundle = (str(tmp_path / name) for name in ("store", "run", "bundle"))
    assert main(["extract", bundle, str(tmp_path / "list.csv"), "--out", store, "--workers", "0"]) == 0
    short = ["--stage2.epochs", "2", "--stage2.warmup_epochs", "0", "--device", "cpu"]
    assert main(["train", "--features", store, "--backbones", bundle, "--out", run, *short]) == 0
    rows = read_rows(tmp_path / "run" / "log.csv", STEP_FIELDS)
    assert [row["videos"] for row in rows] == ["8"] * (2 * 32 // 8)
    assert not (tmp_path / "run" / "broken.csv").exists()


def test_what_cannot_be_learned_from_is_refused(data: VideoList, tmp_path: Path) -> None:
    few = replace(data, videos=data.videos[:2])
    extract(Extraction(bundle=bundle_of(data), data=few, out=tmp_path / "store", views=0, workers=0))
    with pytest.raises(ConfigError, match="holds no random views to learn from; extract with --views 1 or more"):
        from_store(FeatureStore(tmp_path / "store"))


def test_a_label_that_is_not_learned_is_refused(store: FeatureStore) -> None:
    with pytest.raises(ConfigError, match=r"has the label 'clockwise-then-.*', which is none of the 1 to be"):
        StoreSource(store, pattern=Pattern.parse("1:1"), num_clips=3, views_per_video=1, labels=["up-then-left"])


@pytest.mark.parametrize("aggregator", ["average", "concat", "fast_gru", "gru", "lstm"])
@pytest.mark.parametrize("num_clips", [1, 2, 5])
def test_all_clips_at_once_are_the_same_as_one_by_one(aggregator: str, num_clips: int) -> None:
    recipe = small_recipe()
    torch.manual_seed(1)
    model = build_model(replace(recipe.model, aggregator=aggregator), 4).eval()
    maps = [torch.randn(2, 64 if clip % 2 == 0 else 32, 1, 2, 2) for clip in range(num_clips)]
    together, state = model.fold_all(maps), None
    for clip, one in enumerate(maps):
        answer, state = model.fold(one, state)
        torch.testing.assert_close(together[:, clip], answer, rtol=1e-5, atol=1e-6)


PATTERNS = ("1:0", "1:1", "0:1")


def any_pattern(store: FeatureStore, seed: int = 0) -> StoreSource:
    pattern = Pattern.parse("1:1")
    return StoreSource(store, pattern=pattern, num_clips=3, views_per_video=1, patterns=PATTERNS, seed=seed)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    """Every label at least twice."""
    return read_list(write_small_set(tmp_path_factory.mktemp("pairs") / "motion") / "train.csv")


@pytest.fixture(scope="module")
def both(pairs: VideoList, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Maps of both networks on every clip."""
    out = tmp_path_factory.mktemp("both") / "store"
    extract(Extraction(bundle=bundle_of(pairs), data=pairs, out=out, views=2, seed=7, workers=0, networks="both"))
    return FeatureStore(out)


def test_every_batch_has_one_of_the_patterns_and_its_maps(both: FeatureStore, pairs: VideoList) -> None:
    keys = [[SampleKey(epoch, video, 0) for video in range(3)] for epoch in range(20)]
    found = list(any_pattern(both)(keys))
    drawn = []
    for batch in found:
        assert isinstance(batch, Batch) and isinstance(batch.inputs, Maps)
        drawn.append(batch.inputs.flags)
        wanted = both.batch([StoredKey(key.video, key.epoch) for key in batch.keys], batch.inputs.flags)
        assert all(map(torch.equal, batch.inputs.clips, wanted))
    assert set(drawn) == {tuple(Pattern.parse(pattern).flags(3)) for pattern in PATTERNS}
    again = [batch.inputs.flags for batch in any_pattern(both)(keys[7:])]  # type: ignore[union-attr]
    assert again == drawn[7:]  # as in a run that goes on
    others = [batch.inputs.flags for batch in any_pattern(both, seed=1)(keys)]  # type: ignore[union-attr]
    assert others != drawn
    model = bundle_of(pairs).model
    learner = AggregatorLearner(model)
    for batch in found[:6]:
        assert isinstance(batch, Batch) and isinstance(batch.inputs, Maps)
        by_hand = model.fold_all(batch.inputs.clips, batch.inputs.flags)[:, -1]
        assert torch.equal(learner(batch.inputs), by_hand)


def test_networks_and_numbers_of_clips_are_drawn_at_random(both: FeatureStore) -> None:
    source = StoreSource(
        both,
        pattern=Pattern.parse("1:1"),
        num_clips=3,
        views_per_video=1,
        patterns=("random",),
        clip_counts=(1, 3),
    )
    drawn = [batch.inputs.flags for batch in source([[SampleKey(epoch, 0, 0)] for epoch in range(60)])]  # type: ignore[union-attr]
    assert {len(flags) for flags in drawn} == {1, 3}
    assert {flags for flags in drawn if len(flags) == 1} == {(True,), (False,)}
    assert len({flags for flags in drawn if len(flags) == 3}) > 4  # of 8


def test_patterns_need_stored_maps_of_both_networks(pairs: VideoList, tmp_path: Path) -> None:
    recipe = small_recipe()
    recipe = replace(recipe, stage2=replace(recipe.stage2, patterns=PATTERNS))
    run = RunConfig(recipe=recipe, data=pairs, out=tmp_path / "run", backbones=bundle_of(pairs), workers=0)
    with pytest.raises(ConfigError, match=r"stage2\.patterns is given without --features; patterns change on stored"):
        train(run)
    counts = replace(recipe, stage2=replace(recipe.stage2, patterns=(), clip_counts=(2,)))
    with pytest.raises(ConfigError, match=r"stage2\.clip_counts is given without --features; clip counts change on"):
        train(replace(run, recipe=counts))
    with pytest.raises(ConfigError, match=r"stage2\.clip_counts is 99; it must be at most"):
        replace(recipe, stage2=replace(recipe.stage2, clip_counts=(99,)))
    extract(Extraction(bundle=bundle_of(pairs), data=pairs, out=tmp_path / "one", views=1, workers=0))
    with pytest.raises(ConfigError, match="holds only what pattern 1:1 wants; extract with --networks both"):
        train(replace(run, features=FeatureStore(tmp_path / "one")))
    with pytest.raises(ConfigError, match="patterns is for stage2, whose videos have several clips; leave it out of"):
        replace(recipe, stage1_expensive=replace(recipe.stage2, patterns=PATTERNS))
    with pytest.raises(ConfigError, match="pattern is 'often'; write it E:C"):
        replace(recipe.stage2, patterns=("often",))
    assert not (tmp_path / "run").exists()


def test_a_run_on_any_pattern_trains_one_bundle(both: FeatureStore, pairs: VideoList, tmp_path: Path) -> None:
    recipe = small_recipe()
    stage2 = replace(recipe.stage2, patterns=(*PATTERNS, "random"), clip_counts=(2, 3), prefix_loss=True, mixup=0.2)
    recipe = replace(recipe, clips=replace(recipe.clips, num_clips=3), stage2=stage2)
    run = RunConfig(
        recipe=recipe, data=pairs, out=tmp_path / "run", backbones=bundle_of(pairs), features=both, workers=0
    )
    bundle = train(run)
    assert tuple(bundle.config.provenance["recipe"]["stage2"]["patterns"]) == (*PATTERNS, "random")
