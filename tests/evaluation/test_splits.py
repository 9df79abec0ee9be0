"""The mean over splits, each of which counts alike, and what is no such mean."""

from dataclasses import replace

import pytest
from evaluation_samples import invented_evaluation, random_bundle

from faster_video.errors import DataError
from faster_video.evaluation import SplitEvaluation, SplitsEvaluation, require_trained_apart


def splits_of(*sizes: int) -> SplitsEvaluation:
    return SplitsEvaluation(
        splits=[
            SplitEvaluation(
                number=number, bundle=f"run-{number}", evaluation=invented_evaluation(4, size, unreadable=True)
            )
            for number, size in enumerate(sizes, start=1)
        ]
    )


def test_splits_count_alike_however_many_videos_they_have() -> None:
    splits = splits_of(20, 80, 50)
    shares = [split.evaluation.counts.top1 for split in splits.splits]
    assert splits.mean("top1") == pytest.approx(sum(shares) / 3) != splits.together.counts.top1
    centre = sum(shares) / 3
    assert splits.spread("top1") == pytest.approx((sum((share - centre) ** 2 for share in shares) / 2) ** 0.5)


def test_counts_and_videos_of_all_splits_come_together() -> None:
    splits = splits_of(20, 80)
    together = splits.together
    assert together.counts == splits.splits[0].evaluation.counts + splits.splits[1].evaluation.counts
    assert len(together.videos) == together.counts.num_videos == 100


def test_a_split_of_which_nothing_is_on_disk_has_no_mean_without_missing_videos() -> None:
    splits = splits_of(20, 20)
    gone = splits.splits[1].evaluation
    gone = replace(gone, videos=[replace(video, missing=True) for video in gone.videos])
    splits = SplitsEvaluation(splits=[splits.splits[0], replace(splits.splits[1], evaluation=gone)])
    assert splits.mean("top1_without_missing") is splits.spread("top1_without_missing") is None
    assert splits.mean("top1") is not None
    shown = splits.as_dict()
    assert isinstance(shown["mean"], dict) and shown["mean"]["top1_without_missing"] is None


def test_bundles_of_several_splits_must_be_different_ones_of_one_kind() -> None:
    one, other = random_bundle(["a", "b"]), random_bundle(["a", "b"])
    one = replace(one, config=replace(one.config, weights_sha256="1" * 64))
    other = replace(other, config=replace(other.config, weights_sha256="2" * 64))
    require_trained_apart([(1, one), (2, other)])
    with pytest.raises(DataError, match=r"the bundles of splits 1 and 3 have the same weights; a bundle trained on"):
        require_trained_apart([(1, one), (2, other), (3, one)])
    strange = replace(other, config=replace(other.config, labels=["a", "c"]))
    with pytest.raises(DataError, match=r"the bundles of splits 1 and 2 have not the same labels and pattern; train"):
        require_trained_apart([(1, one), (2, strange)])
