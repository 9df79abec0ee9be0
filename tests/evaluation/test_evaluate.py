"""A bundle over a list: every video judged, none dropped, and the numbers those of the files."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from evaluation_samples import random_bundle, write_labelled

from faster_video.cost import video_cost
from faster_video.datasets import LabelledVideo
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import Evaluation, baseline, evaluate, judge, with_untrained_aggregator
from faster_video.inference import Classifier

LABELS = ["left", "right", "up"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledVideo]:
    folder = tmp_path_factory.mktemp("labelled")
    readable = write_labelled(folder, LABELS[:2], 7)
    (folder / "empty.mp4").touch()
    return [*readable[:3], LabelledVideo(folder / "empty.mp4", "left"), *readable[3:]]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(random_bundle(LABELS), "cpu")


@pytest.fixture(scope="module")
def evaluation(classifier: Classifier, videos: list[LabelledVideo]) -> Evaluation:
    return evaluate(classifier, videos)


def test_each_video_is_judged_as_it_is_classified(
    evaluation: Evaluation, classifier: Classifier, videos: list[LabelledVideo]
) -> None:
    assert [(video.path, video.label) for video in evaluation.videos] == [(video.path, video.label) for video in videos]
    for video in evaluation.videos:
        if video.unreadable is None:
            answer = classifier.classify(video.path)
            assert (video.predicted, video.probability) == (answer.label, answer.probability)
            assert video.correct == (answer.label == video.label)
    hits = sum(video.correct for video in evaluation.videos)
    assert evaluation.counts.top1 == hits / len(videos)
    assert len({video.predicted for video in evaluation.videos}) > 2  # or the test would show little


def test_unreadable_videos_are_listed_and_wrong(evaluation: Evaluation) -> None:
    (unreadable,) = evaluation.unreadable
    assert unreadable.path.name == "empty.mp4"
    assert unreadable.unreadable == "the file is empty"
    assert not unreadable.correct
    assert (evaluation.counts.num_videos, evaluation.counts.num_unreadable) == (8, 1)


def test_missing_videos_are_unreadable_ones_without_a_file(
    classifier: Classifier, videos: list[LabelledVideo], tmp_path: Path
) -> None:
    evaluation = evaluate(classifier, [*videos, LabelledVideo(tmp_path / "none.mp4", "left")])
    assert [video.path.name for video in evaluation.videos if video.missing] == ["none.mp4"]
    assert (evaluation.num_missing, evaluation.counts.num_unreadable, len(evaluation.unreadable)) == (1, 2, 2)
    hits = sum(video.correct for video in evaluation.videos)
    assert evaluation.counts.top1 == hits / 9 and evaluation.top1_without_missing == hits / 8


def test_cost_is_that_of_the_pattern_and_chance_that_of_the_list(
    evaluation: Evaluation, classifier: Classifier
) -> None:
    config = classifier.bundle.config
    cost = video_cost(config.model, config.clips, config.transform.crop_size, len(LABELS))
    assert evaluation.gmacs_per_video == pytest.approx(cost.gmacs)
    assert evaluation.seconds_per_video is not None and evaluation.seconds_per_video > 0
    assert (evaluation.pattern, evaluation.aggregator) == ("1:1", "fast_gru")
    assert evaluation.counts.chance_uniform == 1 / 3
    assert evaluation.counts.chance_majority == 5 / 8  # "left", the unreadable one included


def test_parts_of_the_list_add_up_to_the_whole(
    evaluation: Evaluation, classifier: Classifier, videos: list[LabelledVideo]
) -> None:
    parts = [evaluate(classifier, videos[start::3]).counts for start in range(3)]
    assert parts[0] + parts[1] + parts[2] == evaluation.counts


def test_json_holds_everything(evaluation: Evaluation) -> None:
    values = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))
    assert values["top1"] == evaluation.counts.top1
    assert values["top5_says_nothing"] is True
    assert values["top5"] == 7 / 8  # all but the unreadable one
    assert values["confusion"] == evaluation.counts.confusion.tolist()
    assert values["labels"] == LABELS
    assert len(values["videos"]) == 8
    assert values["videos"][3]["unreadable"] == "the file is empty"
    assert values["videos"][3]["predicted"] is None
    assert values["videos"][0]["predicted"] in LABELS


def test_list_of_only_unreadable_videos_has_no_cost(classifier: Classifier, tmp_path: Path) -> None:
    evaluation = evaluate(classifier, [LabelledVideo(tmp_path / "missing.mp4", "up")])
    assert evaluation.counts.top1 == evaluation.counts.top5 == evaluation.counts.per_class_mean == 0
    assert evaluation.gmacs_per_video is None and evaluation.seconds_per_video is None
    assert evaluation.top1_without_missing is None
    json.dumps(evaluation.as_dict(), allow_nan=False)


def test_labels_that_do_not_match_are_named_before_the_first_video(classifier: Classifier, tmp_path: Path) -> None:
    wrong = [LabelledVideo(tmp_path / "a.mp4", "left"), LabelledVideo(tmp_path / "b.mp4", "sideways")]
    with pytest.raises(DataError) as caught:
        judge(classifier, wrong)
    assert str(caught.value) == (
        "labels that do not match: the list has 'sideways', which the bundle does not know; "
        "it knows 'left', 'right', 'up'"
    )


def test_very_many_labels_are_not_all_named(tmp_path: Path) -> None:
    many = [LabelledVideo(tmp_path / "a.mp4", f"label {number:02}") for number in range(14)]
    with pytest.raises(DataError, match=r"'label 11' and 2 more, which the bundle does not know"):
        evaluate(Classifier(random_bundle(LABELS), "cpu"), many)


def test_empty_list_is_refused(classifier: Classifier) -> None:
    with pytest.raises(DataError, match=r"the list holds no videos; at least one is needed to evaluate"):
        evaluate(classifier, [])


def test_videos_are_judged_one_by_one(classifier: Classifier, videos: list[LabelledVideo]) -> None:
    first = next(judge(classifier, [videos[0], LabelledVideo(Path("/nowhere/at/all.mp4"), "up")]))
    assert first.path == videos[0].path


def test_progress_goes_to_stderr(
    classifier: Classifier, videos: list[LabelledVideo], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(classifier, videos[:2], show_progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "evaluating" in captured.err


def test_baseline_is_the_mean_of_the_clip_scores_of_the_same_backbones() -> None:
    bundle = random_bundle(LABELS)
    averaged = baseline(bundle)
    assert averaged.config.model.aggregator == "average"
    assert (averaged.config.model.pattern, averaged.labels) == ("1:1", LABELS)
    clips = torch.randn(2, 4, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))  # [B, N, C, T, H, W]
    with torch.inference_mode():
        answers = averaged.model(clips)[:, -1].exp()
        networks = itertools.cycle((bundle.model.expensive, bundle.model.cheap))
        scores = [
            network.classifier(network(clip)).softmax(dim=-1)
            for clip, network in zip(clips.unbind(dim=1), networks, strict=False)
        ]
    torch.testing.assert_close(answers, torch.stack(scores).mean(dim=0))


def test_aggregators_that_were_not_trained_are_refused() -> None:
    bundle = random_bundle(LABELS)
    for name in (None, "fast_gru"):
        assert with_untrained_aggregator(bundle, name) is bundle
    assert with_untrained_aggregator(bundle, "average").config.model.aggregator == "average"
    with pytest.raises(ConfigError, match=r"aggregator is 'lstm'; this bundle was trained with 'fast_gru'"):
        with_untrained_aggregator(bundle, "lstm")


def test_baseline_leaves_the_bundle_as_it_was(videos: list[LabelledVideo]) -> None:
    bundle = random_bundle(LABELS)
    before = Classifier(bundle, "cpu").classify(videos[0].path)
    evaluation = evaluate(Classifier(baseline(bundle).with_pattern("0:1"), "cpu"), videos[:1])
    assert (evaluation.aggregator, evaluation.pattern) == ("average", "0:1")
    assert bundle.model.aggregator.averages_scores is False
    after = Classifier(bundle, "cpu").classify(videos[0].path)
    assert after.clips == before.clips
    assert not baseline(bundle).model.training
