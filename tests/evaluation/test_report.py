"""The evaluation as table and picture, at two classes, at twelve and at four hundred."""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import matplotlib.image
import pytest
from evaluation_samples import invented_evaluation
from rich.console import Console

from faster_video.evaluation import Evaluation, confusion_table, evaluation_table, plot_confusion
from faster_video.pictures import PictureError


def printed(evaluation: Evaluation) -> str:
    stream = StringIO()
    Console(file=stream, width=160).print(evaluation_table(evaluation))
    return stream.getvalue()


def test_table_shows_accuracy_chance_and_unreadable_videos() -> None:
    evaluation = invented_evaluation(12, 90, unreadable=True)
    text = printed(evaluation)
    assert f"{evaluation.counts.top1:.1%}" in text
    assert f"{evaluation.counts.top5:.1%}" in text
    assert f"{evaluation.counts.per_class_mean:.1%}" in text
    assert "8.3%" in text  # one of twelve
    assert "every readable video is a hit" not in text
    assert "counted as wrong" in text
    assert text.count("the file is empty") == 10
    assert "[0].mp4" in text  # not taken for markup


def test_table_names_some_of_very_many_unreadable_videos() -> None:
    text = printed(invented_evaluation(3, 9 * 25, unreadable=True))
    assert text.count("the file is empty") == 20
    assert "… and 5 more; --json names all" in text


def test_table_shows_what_missing_videos_take_away() -> None:
    evaluation = invented_evaluation(12, 90, unreadable=True)
    assert "missing" not in printed(evaluation)
    videos = [replace(video, missing=number == 9) for number, video in enumerate(evaluation.videos)]
    assert re.search(r"of them missing +│ +1 │ no such file", printed(replace(evaluation, videos=videos)))
    assert "of 89 videos on disk" in printed(replace(evaluation, videos=videos))


def test_table_says_where_top5_is_trivial() -> None:
    text = printed(invented_evaluation(3, 20, unreadable=False))
    assert "only 3 labels: every readable video is a hit" in text
    assert "counted as wrong" not in text


@pytest.mark.parametrize("unreadable", [False, True])
def test_small_confusion_is_a_table_with_truth_in_rows(unreadable: bool) -> None:
    evaluation = invented_evaluation(12, 90, unreadable=unreadable)
    columns = 13 if unreadable else 12
    table = confusion_table(evaluation)
    assert table is not None
    for width in (80, 160):
        stream = StringIO()
        Console(file=stream, width=width).print(table)
        rows = [line.replace("·", "0").split() for line in stream.getvalue().splitlines() if "label $" in line]
        shown = [[int(cell) for cell in row[-columns:]] for row in rows]
        assert shown == evaluation.counts.confusion[:, :columns].tolist()
    assert confusion_table(invented_evaluation(13, 20, unreadable=False)) is None


@pytest.mark.parametrize("unreadable", [False, True])
@pytest.mark.parametrize("num_classes", [2, 12, 400])
def test_picture_is_a_real_png_of_sensible_size(num_classes: int, unreadable: bool, tmp_path: Path) -> None:
    plot_confusion(invented_evaluation(num_classes, 200, unreadable=unreadable), tmp_path / "confusion.png")
    height, width, _ = matplotlib.image.imread(tmp_path / "confusion.png").shape
    assert 500 <= height <= 2100 and height <= width <= 2300


def test_large_matrix_shows_every_class(tmp_path: Path) -> None:
    plot_confusion(invented_evaluation(400, 10, unreadable=False), tmp_path / "confusion.png")
    assert matplotlib.image.imread(tmp_path / "confusion.png").shape[0] > 3 * 400  # pixels for each row


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    evaluation = invented_evaluation(2, 5, unreadable=False)
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match=r"file/confusion\.png: cannot write the picture there: "):
        plot_confusion(evaluation, tmp_path / "file" / "confusion.png")
    with pytest.raises(PictureError, match=r"confusion\.bmp: the picture's name must end in one of "):
        plot_confusion(evaluation, tmp_path / "confusion.bmp")
