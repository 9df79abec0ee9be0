"""The lists shown in docs/data.md are read as the page says."""

import re
from pathlib import Path

import pytest
from list_samples import write

from faster_video.datasets import read_list

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"For example `(?P<name>[^`]+)`:\n\n```text\n(?P<content>.*?)```", PAGE, re.DOTALL)
LABELS = {
    "list.csv": ["jump high", "wave"],
    "list.txt": ["0", "1"],
    "train.csv": ["passing, then kicking", "riding a bike"],
    "trainlist01.txt": ["ApplyEyeMakeup", "ApplyLipstick"],
    "brush_hair_test_split1.txt": ["brush_hair"],
}


def test_every_form_of_file_has_an_example() -> None:
    assert [name for name, _ in EXAMPLES] == list(LABELS)


@pytest.mark.parametrize("name, content", EXAMPLES, ids=LABELS)
def test_example_is_read(name: str, content: str, tmp_path: Path) -> None:
    videos = read_list(write(tmp_path / name, content))
    assert videos.labels == LABELS[name] and len(videos.videos) == 2
