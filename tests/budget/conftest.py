"""Videos and stored maps that the tests of this folder share."""

import pytest
from budget_samples import gated_bundle, make_store, write_list

from faster_video.datasets import VideoList
from faster_video.features import FeatureStore


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    return write_list(tmp_path_factory.mktemp("budget") / "videos")


@pytest.fixture(scope="session")
def store(videos: VideoList, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Of the networks that all small bundles share."""
    return make_store(gated_bundle(None), videos, tmp_path_factory.mktemp("store") / "both")
