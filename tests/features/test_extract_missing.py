"""Lists of which some videos are on no disk, and what a resumed extraction makes of files that came later."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from feature_samples import contents, extraction, stored

from faster_video.datasets import VideoList, read_list
from faster_video.errors import DataError, StoreError
from faster_video.features import TEST, FeatureStore, extract, open_features
from faster_video.features.disk import Need
from faster_video.features.layout import read_config

MISSING = (0, 3, 4, 5)
"""Of eight: the second of the three shards has not one video."""


@pytest.fixture
def partial(data: VideoList, tmp_path: Path) -> VideoList:
    """A copy of the eight videos without some."""
    folder = tmp_path / "set"
    for number, video in enumerate(data.videos):
        copy = folder / video.path.relative_to(data.source.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if number not in MISSING:
            shutil.copy(video.path, copy)
    shutil.copy(data.source, folder)
    return read_list(folder / data.source.name)


def test_missing_videos_need_no_disk_and_the_others_keep_their_views(
    data: VideoList, partial: VideoList, tmp_path: Path
) -> None:
    said: list[Need] = []
    extract(extraction(partial, tmp_path / "store"), announce=said.append)
    assert [(need.videos, need.missing, need.bytes) for need in said] == [(4, 4, 4 * said[0].video_bytes)]
    config = read_config(tmp_path / "store")
    assert [video.number for video in config.missing] == list(MISSING)
    assert config.unreadable == []
    store, whole = FeatureStore(tmp_path / "store"), stored(data, tmp_path / "whole")
    assert [video.label for video in store.videos] == [video.label for video in data.videos]
    for number in set(range(8)) - set(MISSING):
        for view in (TEST, 0, 1):
            for ours, theirs in zip(store.features(number, view), whole.features(number, view), strict=True):
                torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=1e-4)
    with pytest.raises(StoreError, match=r"has no features in .*: No such file or directory"):
        store.features(MISSING[0])


def test_missing_videos_are_not_there_to_train_on(partial: VideoList, tmp_path: Path) -> None:
    whole = stored(partial, tmp_path / "store")
    there = open_features(tmp_path / "store", part="train")
    assert isinstance(there, FeatureStore)
    numbers = sorted(set(range(8)) - set(MISSING))
    assert there.videos == tuple(whole.videos[number] for number in numbers)
    assert there.missing == frozenset()
    for place, number in enumerate(numbers):
        for ours, theirs in zip(there.features(place, 1), whole.features(number, 1), strict=True):
            assert torch.equal(ours, theirs)


def test_a_list_without_one_file_is_refused(partial: VideoList, tmp_path: Path) -> None:
    none = replace(partial, videos=tuple(partial.videos[number] for number in MISSING))
    with pytest.raises(DataError, match=r"few\.csv: none of its 4 videos is on disk; the first should be .* --root"):
        extract(extraction(none, tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_resuming_takes_in_what_is_there_now(data: VideoList, partial: VideoList, tmp_path: Path) -> None:
    broken = partial.videos[7].path
    broken.write_text("no video")
    out = tmp_path / "store"
    wanted = extraction(partial, out)
    extract(wanted)
    assert {lost.number for lost in read_config(out).unreadable} == {7}
    before = contents(out)
    assert extract(wanted, resume=True).shards_made == 0
    assert contents(out) == before
    shutil.copy(data.videos[7].path, broken)
    assert extract(wanted, resume=True).shards_made == 1
    assert read_config(out).unreadable == []
    for number in MISSING:
        shutil.copy(data.videos[number].path, partial.videos[number].path)
    done = extract(wanted, resume=True)
    assert (done.shards_made, done.shards_kept, done.config.missing) == (2, 1, [])
    extract(extraction(partial, tmp_path / "at once"))
    assert contents(out) == contents(tmp_path / "at once")


def test_videos_that_have_gone_since_stay_in_the_store(partial: VideoList, tmp_path: Path) -> None:
    wanted = extraction(partial, tmp_path / "store")
    extract(wanted)
    before = contents(tmp_path / "store")
    for video in partial.videos:
        video.path.unlink(missing_ok=True)
    assert extract(wanted, resume=True).shards_made == 0
    assert contents(tmp_path / "store") == before
