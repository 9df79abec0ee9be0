import errno
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from feature_samples import bundle_for, contents, extraction, given_bundle, stored
from safetensors.torch import save_file

import faster_video.features.shards as shards
from faster_video.datasets import LabelledVideo, VideoList
from faster_video.errors import ConfigError, StoreError
from faster_video.features import TEST, FeatureStore, StoredKey, extract
from faster_video.features.disk import Need
from faster_video.inference import Classifier
from faster_video.training.samples import Batch, SampleKey, TrainingClips
from faster_video.training.sources import FrozenSource, PixelSource

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def whole(data: VideoList, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was written without a break."""
    out = tmp_path_factory.mktemp("whole") / "store"
    extract(extraction(data, out))
    return out


def pixel_maps(data: VideoList, key: SampleKey) -> tuple[torch.Tensor, ...]:
    """What stage 2 sees of this key from pixels."""
    bundle = bundle_for(data.labels)
    config = bundle.config
    clips = TrainingClips(data.videos, data.labels, clips=config.clips, num_clips=3, transform=config.transform, seed=0)
    (batch,) = FrozenSource(bundle.model, PixelSource(clips, workers=0), torch.device("cpu"))([[key]])
    assert isinstance(batch, Batch) and isinstance(batch.inputs, tuple)
    return batch.inputs


@pytest.mark.parametrize("view", [0, 1])
def test_a_stored_random_view_is_that_of_training(data: VideoList, whole: Path, view: int) -> None:
    store = FeatureStore(whole)
    for video in range(len(data.videos)):
        for ours, theirs in zip(store.features(video, view), pixel_maps(data, SampleKey(view, video, 0)), strict=True):
            assert ours.dtype == torch.float16
            torch.testing.assert_close(ours.float(), theirs[0], rtol=2e-3, atol=1e-4)


def test_the_test_view_is_what_classify_sees(data: VideoList, whole: Path) -> None:
    store, classifier = FeatureStore(whole), Classifier(bundle_for(data.labels))
    state = None
    for clip in store.features(2, TEST):
        answer, state = classifier.model.fold(clip.float()[None], state)
    expected = classifier.classify(data.videos[2].path).clips[-1].probabilities
    assert answer.exp()[0].tolist() == pytest.approx(expected, abs=5e-3)


def test_maps_do_not_depend_on_what_is_computed_with_them(data: VideoList, whole: Path, tmp_path: Path) -> None:
    alone = stored(replace(data, videos=data.videos[5:6]), tmp_path / "one", views=0, bundle=bundle_for(data.labels))
    for ours, theirs in zip(alone.features(0), FeatureStore(whole).features(5), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=1e-4)


def test_maps_of_kept_frames_are_those_of_decoded_ones(data: VideoList, whole: Path, tmp_path: Path) -> None:
    for name in ("first", "again"):
        kept = replace(extraction(data, tmp_path / name), frame_cache=tmp_path / "frames", workers=2)
        extract(kept)
        assert contents(tmp_path / name) == contents(whole)
    assert len(list((tmp_path / "frames").iterdir())) == len(data.videos)


def test_both_networks_serve_every_pattern_and_fewer_clips(data: VideoList, tmp_path: Path) -> None:
    few, bundle = replace(data, videos=data.videos[:2]), bundle_for(data.labels)
    both = stored(few, tmp_path / "both", views=0, networks="both", bundle=bundle)
    cheap = stored(few, tmp_path / "cheap", views=0, bundle=bundle_for(data.labels, "0:1"))
    key = [StoredKey(1, TEST)]
    for ours, theirs in zip(both.batch(key, [False] * 3), cheap.batch(key, [False] * 3), strict=True):
        assert torch.equal(ours, theirs)
    first, last = both.batch(key, [True, False])
    assert torch.equal(first, both.batch(key, [True] * 3)[0])
    assert torch.equal(last, both.batch(key, [False] * 3)[2])
    with pytest.raises(ConfigError, match=r"wants clip 0 of 3 from the expensive network, .* --networks both"):
        cheap.batch(key, [True, False, False])
    with pytest.raises(ConfigError, match=r"num_clips is 4, but .* holds 3 clips of each view"):
        both.batch(key, [True] * 4)


def test_the_disk_needed_is_exact_and_said_before_anything_is_written(data: VideoList, tmp_path: Path) -> None:
    said: list[Need] = []
    out = tmp_path / "store"

    def announce(need: Need) -> None:
        said.append(need)
        assert not out.exists()

    extract(extraction(data, out), announce=announce)
    headers = 0
    for path in sorted(out.glob("shards/*.safetensors")):
        headers += 8 + int.from_bytes(path.read_bytes()[:8], "little")
    maps = sum(path.stat().st_size for path in out.glob("shards/*.safetensors")) - headers
    assert [need.bytes for need in said] == [maps]


def test_too_little_disk_is_refused_before_anything_is_written(
    data: VideoList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 5000, 5000))
    with pytest.raises(StoreError, match=r"needs 7\.7 kB for 8 videos of 1\.0 kB each; 5\.0 kB are free, of which"):
        extract(extraction(data, tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_a_disk_that_fills_up_keeps_what_is_written(
    data: VideoList, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def full(maps: dict[str, torch.Tensor], path: Path) -> None:
        if len(written) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        save_file(maps, path)

    out = tmp_path / "store"
    monkeypatch.setattr(shards, "save_file", full)
    with pytest.raises(StoreError, match="cannot write the store there: No space left on device; the shards written"):
        extract(extraction(data, out))
    assert sorted(path.name for path in (out / "shards").iterdir() if path.suffix == ".safetensors") == [
        "00000.safetensors",
        "00001.safetensors",
    ]
    with pytest.raises(StoreError, match="is not complete; go on with the same extract command and --resume"):
        FeatureStore(out)
    monkeypatch.undo()
    assert (extract(extraction(data, out), resume=True).shards_kept, contents(out)) == (2, contents(whole))


@pytest.mark.parametrize("damage", ["flip a bit", "cut off", "remove", "record", "index", "settings"])
def test_damage_is_noticed_and_repaired(data: VideoList, whole: Path, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "store"
    shutil.copytree(whole, out)
    shard = out / "shards" / "00001.safetensors"
    if damage == "flip a bit":
        values = bytearray(shard.read_bytes())
        values[-7] ^= 4
        shard.write_bytes(values)
        store = FeatureStore(out)
        store.features(0)  # in another shard
        with pytest.raises(StoreError, match=r"shards/00001\.safetensors: is damaged \(its SHA-256 .* --resume"):
            store.features(4)
        with pytest.raises(StoreError, match=r"00001\.safetensors: is damaged"):
            FeatureStore(out).verify()
    elif damage == "cut off":
        with shard.open("r+b") as file:
            file.truncate(100)
        with pytest.raises(StoreError, match=r"00001\.safetensors: is not as long as it should be; repair it"):
            FeatureStore(out)
    elif damage == "remove":
        shard.unlink()
        with pytest.raises(StoreError, match=r"00001\.safetensors: is missing; repair it"):
            FeatureStore(out)
    elif damage == "record":
        shard.with_suffix(".json").write_text("{}")
    elif damage == "index":
        (out / "index.parquet").write_bytes(b"PAR1")
        with pytest.raises(StoreError, match=r"index\.parquet: is damaged"):
            FeatureStore(out)
    else:
        (out / "store.json").write_text('{"format": "another"}')
        with pytest.raises(StoreError, match=r"store\.json: is not a feature store's settings"):
            FeatureStore(out)
        return
    done = extract(extraction(data, out), resume=True)
    assert done.shards_made == (0 if damage == "index" else 1)
    assert contents(out) == contents(whole)


def test_resuming_with_other_settings_is_refused_by_name(data: VideoList, whole: Path) -> None:
    before = contents(whole)
    with pytest.raises(
        StoreError, match=r"other settings: views is 2 there and 3 now; seed is 0 there and 1 now; resume"
    ):
        extract(extraction(data, whole, views=3, seed=1), resume=True)
    with pytest.raises(StoreError, match="holds a store already; add --resume to go on with it"):
        extract(extraction(data, whole))
    with pytest.raises(StoreError, match="pattern is 1:1 there and 1:3 now; the cheap network's weights; resume it"):
        other = bundle_for(data.labels, "1:3")
        torch.nn.init.zeros_(next(iter(other.model.cheap.parameters())))
        extract(extraction(data, whole, bundle=other), resume=True)
    with pytest.raises(StoreError, match=r"clips\.num_clips is 3 there and 4 now; resume"):
        extract(extraction(data, whole, bundle=bundle_for(data.labels, num_clips=4)), resume=True)
    with pytest.raises(StoreError, match="settings: the list, or which of its videos are on disk, has changed; resume"):
        extract(extraction(replace(data, videos=data.videos[::-1]), whole), resume=True)
    with pytest.raises(StoreError, match="settings: part is not given there and test now; resume"):
        extract(extraction(data, whole, part="test"), resume=True)
    assert contents(whole) == before


def test_unreadable_and_missing_videos_are_kept_apart_and_not_stored(data: VideoList, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    bad = (LabelledVideo(tmp_path / "text.mp4", "left-then-up"), LabelledVideo(tmp_path / "none.mp4", "up-then-left"))
    store = stored(replace(data, videos=(bad[0], *data.videos[:2], bad[1])), tmp_path / "store")
    assert [(lost.key.video, lost.key.view) for lost in store.lost] == [(0, view) for view in (TEST, 0, 1)]
    assert store.missing == {3}
    assert [video.label for video in store.videos][::3] == ["left-then-up", "up-then-left"]
    with pytest.raises(StoreError, match=r"none\.mp4: has no features in .*: No such file"):
        store.features(3)


def test_a_map_beyond_float16_is_refused(data: VideoList, tmp_path: Path) -> None:
    bundle = bundle_for(data.labels)
    for name, tensor in bundle.model.cheap.state_dict().items():
        if name.startswith("stem") and tensor.is_floating_point():
            tensor.mul_(1e9)
    with pytest.raises(StoreError, match="the cheap network's map of it has values beyond float16"):
        extract(extraction(data, tmp_path / "store", bundle=bundle))


def test_features_cannot_be_extracted_from_videos_without_a_network(data: VideoList, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trained on features that another model made, so it can make none"):
        extract(extraction(data, tmp_path / "store", bundle=given_bundle(data.labels, 5)))


def test_without_pyarrow_one_sentence_names_the_extra(
    data: VideoList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(StoreError, match=r"run pip install 'faster-video\[store\]'"):
        extract(extraction(data, tmp_path / "store"))


def test_a_folder_of_other_things_is_left_alone(data: VideoList, tmp_path: Path) -> None:
    for name in (".vimrc.local", ".00000.safetensors.more than eight", "notes.txt"):
        (tmp_path / name).write_text("mine")
    before = contents(tmp_path)
    for resume in (False, True):
        with pytest.raises(StoreError, match="is there already and not an empty folder; choose a new one"):
            extract(extraction(data, tmp_path), resume=resume)
    assert contents(tmp_path) == before


def test_ctrl_c_keeps_whole_shards(data: VideoList, whole: Path, tmp_path: Path) -> None:
    def press(what: str, done: int, total: int) -> None:
        if what == "views" and done > 12:
            raise KeyboardInterrupt

    out = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        extract(extraction(data, out), show=press)
    assert extract(extraction(data, out), resume=True).shards_kept == 1
    assert contents(out) == contents(whole)


def extract_alone(data: VideoList, out: Path) -> None:
    torch.set_num_threads(1)  # the threads of the process that was forked are not here
    extract(extraction(data, out, shard_videos=2, workers=1), resume=True)


def test_killed_at_random_moments_it_ends_with_the_same_store(data: VideoList, tmp_path: Path) -> None:
    many = replace(data, videos=data.videos * 5)
    extract_alone(many, tmp_path / "whole")
    out, chance, kills = tmp_path / "killed", random.Random(3), 0
    while kills < 8:
        process = multiprocessing.get_context("fork").Process(target=extract_alone, args=(many, out))
        before = len(list(out.rglob("*.json")))
        process.start()
        while len(list(out.rglob("*.json"))) <= before and process.is_alive():
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.08))
        if not process.is_alive():
            break
        process.kill()
        process.join()
        kills += 1
    extract_alone(many, out)
    assert kills >= 4
    assert contents(out) == contents(tmp_path / "whole")


def extract_until_a_write_of(most: int, data: VideoList, out: Path) -> None:
    """As a process that the system ends in the middle of writing more bytes than that."""

    def limited(maps: dict[str, torch.Tensor], path: Path) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        save_file(maps, path)

    setattr(shards, "save_file", limited)  # noqa: B010 - in this process alone
    extract_alone(data, out)


def test_a_kill_in_the_middle_of_a_shard_leaves_nothing_of_it(data: VideoList, tmp_path: Path) -> None:
    out = tmp_path / "store"
    process = multiprocessing.get_context("fork").Process(target=extract_until_a_write_of, args=(1000, data, out))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGXFSZ
    assert [path for path in (out / "shards").iterdir() if path.name.startswith(".")]
    for folder in (out, tmp_path / "unbroken"):
        extract_alone(data, folder)
    assert contents(out) == contents(tmp_path / "unbroken")


def test_a_decoding_process_that_is_killed_is_named_in_a_sentence(
    data: VideoList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: TrainingClips, key: SampleKey) -> None:
        os._exit(9)

    monkeypatch.setattr(TrainingClips, "read", die)
    with pytest.raises(StoreError, match="a decoding process was killed, perhaps for want of memory"):
        extract(extraction(data, tmp_path / "store", workers=1))
