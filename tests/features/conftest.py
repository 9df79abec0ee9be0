from pathlib import Path

import pytest
from training_samples import write_small_set

from faster_video.datasets import VideoList, read_list


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is kept which shards were sound: not in the home of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    """Eight videos of twelve labels."""
    folder = write_small_set(tmp_path_factory.mktemp("set") / "motion")
    whole = read_list(folder / "train.csv")
    listed = "".join(f"{video.path.relative_to(folder)},{video.label}\n" for video in whole.videos[:8])
    (folder / "few.csv").write_text(listed)
    return read_list(folder / "few.csv")
