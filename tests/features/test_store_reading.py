"""What a store costs when it is opened and read: checksums and mappings."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from feature_samples import extraction

import faster_video.features.read as read
from faster_video.datasets import VideoList
from faster_video.errors import StoreError
from faster_video.features import FeatureStore, extract
from faster_video.features.shards import sha256_of


@pytest.fixture
def store(data: VideoList, tmp_path: Path) -> Path:
    """Four shards of one video each."""
    out = tmp_path / "store"
    extract(extraction(replace(data, videos=data.videos[:4]), out, views=0, shard_videos=1))
    return out


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shards whose every byte is read to be checked, as it happens."""
    names: list[str] = []

    def watched(path: Path) -> str:
        if path.suffix == ".safetensors":
            names.append(path.stem)
        return sha256_of(path)

    monkeypatch.setattr(read, "sha256_of", watched)
    return names


def test_a_shard_is_checked_once_as_long_as_its_file_stays(store: Path, hashed: list[str]) -> None:
    for _ in range(2):  # a second start, or a second process
        again = FeatureStore(store)
        again.features(1)
        again.features(1)
    assert hashed == ["00001"]
    shard = store / "shards" / "00001.safetensors"
    os.utime(shard)
    FeatureStore(store).features(1)
    assert hashed == ["00001"] * 2
    values = bytearray(shard.read_bytes())
    values[-3] ^= 1
    shard.write_bytes(values)
    with pytest.raises(StoreError, match=r"00001\.safetensors: is damaged"):
        FeatureStore(store).features(1)


def test_verify_reads_every_shard_whatever_is_remembered(store: Path, hashed: list[str]) -> None:
    opened = FeatureStore(store)
    opened.verify()
    opened.verify()
    assert hashed == ["00000", "00001", "00002", "00003"] * 2
    opened.features(2)
    assert len(hashed) == 8
    shard = store / "shards" / "00002.safetensors"
    before, values = shard.stat(), bytearray(shard.read_bytes())
    values[-3] ^= 1
    shard.write_bytes(values)
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))  # as where a disk goes bad
    with pytest.raises(StoreError, match=r"00002\.safetensors: is damaged"):
        FeatureStore(store).verify()


@pytest.mark.parametrize("content", [None, b"\xff\n0 1", b"0 1 2 3"])
def test_nothing_in_the_cache_stops_a_reader(
    store: Path, cache: Path, hashed: list[str], content: bytes | None
) -> None:
    FeatureStore(store).features(0)
    (file,) = (cache / "faster_video" / "features").iterdir()
    if content is None:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(content)
    FeatureStore(store).features(0)
    FeatureStore(store).features(0)
    assert len(hashed) == (3 if content is None else 2)


def test_few_shards_are_mapped_at_once(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MOST_MAPPED", 2)
    opened, whole = FeatureStore(store), FeatureStore(store, verify=False)
    for video in (0, 1, 0, 2, 3, 0, 1):
        for ours, theirs in zip(opened.features(video), whole.features(video), strict=True):
            assert torch.equal(ours, theirs)
        assert len(opened._shards) <= 2
    assert list(opened._shards) == [0, 1]
