"""Counts are whole numbers: any split and any order of a list gives the same, and no video is lost."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from faster_video.evaluation import Counts

Outcome = tuple[int, list[float] | None]
"""A video's true class, and the probabilities of all classes; None where it could not be read."""


@st.composite
def outcomes(draw: st.DrawFn, readable_only: bool = False) -> tuple[int, list[Outcome]]:
    num_classes = draw(st.integers(2, 9))
    probabilities = st.lists(st.floats(0, 1, width=32), min_size=num_classes, max_size=num_classes)
    seen = probabilities if readable_only else st.none() | probabilities
    return num_classes, draw(st.lists(st.tuples(st.integers(0, num_classes - 1), seen), max_size=20))


def total(num_classes: int, videos: list[Outcome]) -> Counts:
    counts = Counts.empty(num_classes)
    for truth, probabilities in videos:
        counts += Counts.of_video(truth, probabilities, num_classes)
    return counts


@given(outcomes(), st.integers(0, 20))
def test_parts_add_up_exactly(listed: tuple[int, list[Outcome]], cut: int) -> None:
    num_classes, videos = listed
    assert total(num_classes, videos[:cut]) + total(num_classes, videos[cut:]) == total(num_classes, videos)


@given(outcomes(), st.randoms(use_true_random=False))
def test_order_does_not_matter(listed: tuple[int, list[Outcome]], chance: random.Random) -> None:
    num_classes, videos = listed
    assert total(num_classes, chance.sample(videos, len(videos))) == total(num_classes, videos)


@given(outcomes())
def test_every_video_is_counted_once(listed: tuple[int, list[Outcome]]) -> None:
    num_classes, videos = listed
    counts = total(num_classes, videos)
    assert counts.num_videos == len(videos) == counts.videos_per_class.sum()
    assert counts.num_unreadable == sum(probabilities is None for _, probabilities in videos)
    assert counts.videos_per_class.tolist() == [
        sum(truth == number for truth, _ in videos) for number in range(num_classes)
    ]


@given(outcomes(), st.integers(1, 5))
def test_unreadable_videos_are_wrong(listed: tuple[int, list[Outcome]], unreadable: int) -> None:
    num_classes, videos = listed
    read = total(num_classes, [*videos, (0, [1.0] + [0.0] * (num_classes - 1))])
    counts = read
    for _ in range(unreadable):
        counts += Counts.of_video(0, None, num_classes)
    assert counts.top1 < read.top1
    assert counts.top1 == pytest.approx(read.top1 * read.num_videos / counts.num_videos)
    assert counts.top5 < read.top5
    assert counts.per_class_mean < read.per_class_mean


@given(outcomes(readable_only=True))
def test_agrees_with_torchmetrics(listed: tuple[int, list[Outcome]]) -> None:
    num_classes, videos = listed
    # A tie has no best label that everybody would agree on.
    videos = [(truth, row) for truth, row in videos if row is not None and len(set(row)) == num_classes]
    if not videos:
        return
    truths = torch.tensor([truth for truth, _ in videos])
    scores = torch.tensor([row for _, row in videos])
    counts = total(num_classes, videos)
    confusion = MulticlassConfusionMatrix(num_classes)(scores.argmax(dim=1), truths)
    assert counts.confusion[:, :-1].tolist() == confusion.tolist()
    top5 = MulticlassAccuracy(num_classes, average="micro", top_k=min(5, num_classes))(scores, truths)
    assert counts.top5 == pytest.approx(float(top5))


def test_numbers_worked_out_by_hand() -> None:
    confusion = np.array([[3, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]])  # the third class has no video
    counts = Counts(confusion, np.array([4, 1, 0]))
    assert (counts.num_videos, counts.num_unreadable) == (6, 1)
    assert counts.top1 == 3 / 6
    assert counts.top5 == 5 / 6
    assert counts.per_class_mean == (3 / 4 + 0 / 2) / 2
    assert counts.chance_uniform == 1 / 3
    assert counts.chance_majority == 4 / 6


@pytest.mark.parametrize("num_classes, says_nothing", [(2, True), (5, True), (6, False), (400, False)])
def test_top5_of_five_classes_says_nothing(num_classes: int, says_nothing: bool) -> None:
    assert Counts.empty(num_classes).top5_says_nothing is says_nothing


def test_sixth_best_label_is_no_top5_hit() -> None:
    probabilities = [0.3, 0.25, 0.2, 0.15, 0.08, 0.02]
    assert Counts.of_video(4, probabilities, 6).top5 == 1
    assert Counts.of_video(5, probabilities, 6).top5 == 0


def test_first_of_equally_probable_labels_wins() -> None:
    counts = Counts.of_video(1, [0.5, 0.5], 2)
    assert counts.confusion.tolist() == [[0, 0, 0], [1, 0, 0]]


def test_no_video_has_no_accuracy() -> None:
    counts = Counts.empty(3)
    assert counts.num_videos == 0
    for value in (counts.top1, counts.top5, counts.per_class_mean, counts.chance_majority):
        assert np.isnan(value)
