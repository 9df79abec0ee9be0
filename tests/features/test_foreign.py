import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_samples import bundle_for, given_bundle

from faster_video.bundle import load_bundle, save_bundle
from faster_video.config import BackboneConfig, ModelConfig
from faster_video.cost import video_cost
from faster_video.errors import ConfigError, DataError, FasterVideoError, StoreError
from faster_video.features import TEST, ForeignFeatures, StoredKey, evaluate_features, open_features
from faster_video.inference import Classifier

LIST = "a.npy,jump,train\nin/b.npy,sit,train\nc.npy,jump,test\n"


def write(folder: Path, *, rank: int = 2, listed: str = LIST) -> Path:
    """Three videos of 4, 6 and 2 clips; value = clip number everywhere but for small noise."""
    (folder / "in").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, clips in (("a", 4), ("in/b", 6), ("c", 2)):
        shape = (clips, 5) if rank == 2 else (clips, 5, 1, 2, 2)
        numbers = np.arange(clips).reshape(-1, *[1] * (rank - 1))
        kind = np.float16 if name == "a" else np.float32
        np.save(folder / f"{name}.npy", (numbers + 0.1 * generator.random(shape)).astype(kind))
    (folder / "features.csv").write_text(listed)
    return folder


@pytest.mark.parametrize("rank", [2, 5])
def test_features_of_another_model_are_read_as_maps(tmp_path: Path, rank: int) -> None:
    features = ForeignFeatures(write(tmp_path, rank=rank), "train")
    assert [video.label for video in features.videos] == ["jump", "sit"]
    assert (features.channels, features.map_size) == (5, (1, 1, 1) if rank == 2 else (1, 2, 2))
    maps = features.batch([StoredKey(1, 0), StoredKey(0, 0)], [True, False, False])
    assert [clip.shape for clip in maps] == [(2, 5, *features.map_size)] * 3
    assert all(clip.dtype == torch.float32 for clip in maps)
    assert [clip.flatten(1).mean(dim=1).floor().tolist() for clip in maps] == [[0, 0], [3, 2], [5, 3]]
    whole = np.load(tmp_path / "in" / "b.npy")
    assert torch.equal(maps[1][0], torch.from_numpy(whole[3]).reshape(5, *features.map_size))


def test_a_video_of_few_clips_repeats_some_in_order(tmp_path: Path) -> None:
    maps = ForeignFeatures(write(tmp_path), "test").batch([StoredKey(0, TEST)], [True] * 4)
    assert [int(clip.mean()) for clip in maps] == [0, 0, 1, 1]


def test_a_list_without_parts_serves_all(tmp_path: Path) -> None:
    write(tmp_path, listed="path,label\na.npy,jump\nc.npy,sit\n")
    for part in ("train", "test", None):
        features = open_features(tmp_path, part)
        assert [video.label for video in features.videos] == ["jump", "sit"]


def test_files_may_lie_outside_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere")
    write(tmp_path / "set", listed=f"a.npy,jump\n{tmp_path}/elsewhere/c.npy,sit\n../elsewhere/a.npy,sit\n")
    features = open_features(tmp_path / "set")
    assert len(features.identity) == 64
    inside = write(tmp_path / "other", listed="a.npy,jump\nc.npy,sit\na.npy,sit\n")
    assert features.identity != open_features(inside).identity
    assert [len(maps) for maps in features.batch([StoredKey(1, 0)], [True] * 2)] == [1, 1]


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        ("a.npy\n", "features.csv, line 1: is 'a.npy'; every line must be path,label, or every line path,label,part"),
        ("a.npy,jump,valid\n", "features.csv, line 1: is 'a.npy,jump,valid'; every line must be"),
        ("a.npy,jump\nc.npy,jump,test\n", "features.csv, line 1: is"),
        ("a.npy,jump,test\n", "features.csv: lists no videos of the part 'train'"),
        ("none.npy,jump\n", "none.npy: does not exist, but features.csv lists it"),
        ("features.csv,jump\n", "features.csv: is not a NumPy file: "),
        ("pickled.npy,jump\n", "pickled.npy: is not a NumPy file: "),
        ("objects.npy,jump\n", "objects.npy: holds object [2, 5]; it must hold [clips, channels] or"),
        ("whole.npy,jump\n", "whole.npy: holds int64 [2, 5]; it must hold [clips, channels] or"),
        ("flat.npy,jump\n", "flat.npy: holds float32 [5]; it must hold [clips, channels] or"),
        ("empty.npy,jump\n", "empty.npy: holds float32 [0, 5]; it must hold"),
        ("cut.npy,jump\n", "cut.npy: is cut off: its header promises [4, 5] values of float16"),
        ("a.npy,jump\nwide.npy,sit\n", "wide.npy: has features of [channels, t, h, w] [6, 1, 1, 1], but "),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, listed: str, sentence: str) -> None:
    write(tmp_path, listed=listed)
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps([1, 2]))
    np.save(tmp_path / "objects.npy", np.full((2, 5), None), allow_pickle=True)
    np.save(tmp_path / "whole.npy", np.zeros((2, 5), np.int64))
    np.save(tmp_path / "flat.npy", np.zeros(5, np.float32))
    np.save(tmp_path / "empty.npy", np.zeros((0, 5), np.float32))
    np.save(tmp_path / "wide.npy", np.zeros((2, 6), np.float32))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-3])
    with pytest.raises(DataError) as caught:
        open_features(tmp_path, "train")
    assert str(caught.value).startswith(f"{tmp_path}/{sentence}")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_when_read(tmp_path: Path, value: float) -> None:
    features = ForeignFeatures(write(tmp_path))
    found = np.load(tmp_path / "a.npy")
    found[2, 3] = value
    np.save(tmp_path / "a.npy", found)
    with pytest.raises(StoreError, match=r"a\.npy: holds NaN or infinite values; make these features again"):
        features.batch([StoredKey(0, 0)], [True])


def test_a_folder_without_features_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no features; give a folder that faster-video extract wrote"):
        open_features(tmp_path)
    with pytest.raises(StoreError, match="does not exist; give a folder"):
        open_features(tmp_path / "none")


def test_a_bundle_for_features_is_saved_loaded_and_evaluated(tmp_path: Path) -> None:
    features = ForeignFeatures(write(tmp_path / "set", rank=5), "train")
    bundle = given_bundle(["jump", "sit"], 5, (1, 2, 2))
    save_bundle(bundle, tmp_path / "bundle")
    again = load_bundle(tmp_path / "bundle")
    assert again.config.model == bundle.config.model
    result = evaluate_features(again, features)
    assert (result.counts.num_videos, result.counts.num_unreadable) == (2, 0)
    clips = torch.stack(features.batch([StoredKey(0, TEST)], [True] * 4), dim=1)  # [B, N, D, t, h, w]
    expected = bundle.model(clips)[0, -1].exp().tolist()
    assert result.videos[0].probabilities == pytest.approx(expected, abs=1e-6)
    assert result.gmacs_per_video == pytest.approx(1e-9 * (3 * 4 * (3 * 5 * 5 + 6 * 5 * 1 - 5 * 5) + 4 * 10))


def test_a_bundle_for_features_looks_at_no_video_and_other_sizes_are_refused(tmp_path: Path) -> None:
    bundle, features = given_bundle(["jump", "sit"], 7), ForeignFeatures(write(tmp_path))
    with pytest.raises(ConfigError, match="it cannot look at videos; faster-video evaluate BUNDLE FOLDER judges it"):
        Classifier(bundle)
    with pytest.raises(ConfigError, match=r"holds maps of 5 channels and size \[1, 1, 1\], but this bundle takes 7"):
        evaluate_features(bundle, features)
    with pytest.raises(
        ConfigError, match="holds features of another model, but this bundle's backbone is 'r2plus1d50'"
    ):
        evaluate_features(bundle_for(["jump", "sit"]), features)
    with pytest.raises(ConfigError, match=r"a feature map has shape \[1, 3, 8, 32, 32\]; it must be \[videos, 7, 1, 1"):
        bundle.model.step(torch.zeros(1, 3, 8, 32, 32))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "features"}, "channels of features is 0; it must be at least 1"),
        ({"name": "features", "channels": 4, "width": 0.5}, "width of features is 0.5; maps that are there already"),
        ({"name": "features", "channels": 4, "map_size": (1, 0, 2)}, "map_size is [1, 0, 2]; each of the three must"),
        ({"name": "r2d26", "channels": 4}, "channels and map_size of r2d26 are 4 and [1, 1, 1]; they are for the"),
    ],
)
def test_wrong_settings_of_features_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(FasterVideoError) as caught:
        BackboneConfig(**settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(sentence)


def test_one_network_cannot_be_features_alone() -> None:
    with pytest.raises(ConfigError, match="where one of them is features, the other must be the same"):
        ModelConfig(expensive=BackboneConfig(name="features", channels=4))


def test_features_have_no_scores_to_average(tmp_path: Path) -> None:
    features = ForeignFeatures(write(tmp_path))
    with pytest.raises(ConfigError, match="aggregator is 'average', which averages the scores of clip networks, but"):
        ModelConfig(expensive=features.backbone, cheap=features.backbone, aggregator="average")
    assert len(features.identity) == 64
    assert features.identity != ForeignFeatures(tmp_path, "test").identity


def test_the_cost_of_features_is_what_learns(tmp_path: Path) -> None:
    config = given_bundle(["jump", "sit"], 8).config
    parts = {part.name: part.gmacs for part in video_cost(config.model, config.clips, 224, 2).parts}
    assert (parts["expensive backbone"], parts["cheap backbone"]) == (0, 0)
    assert parts["aggregator step"] == pytest.approx(3.5e-9 * 8 * 8)
