from dataclasses import replace
from pathlib import Path

import pytest
import torch
from feature_samples import bundle_for, stored

from faster_video.bundle import Bundle
from faster_video.datasets import LabelledVideo, VideoList
from faster_video.errors import ConfigError, DataError
from faster_video.evaluation import baseline, evaluate
from faster_video.features import FeatureStore, evaluate_features
from faster_video.inference import Classifier
from faster_video.pattern import Pattern


@pytest.fixture(scope="module")
def store(data: VideoList, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Both networks of every clip; one video is missing."""
    bad = LabelledVideo(data.source.parent / "none.mp4", data.labels[0])
    videos = replace(data, videos=(*data.videos[:5], bad))
    out = tmp_path_factory.mktemp("evaluated") / "store"
    return stored(videos, out, views=0, networks="both", bundle=bundle_for(data.labels))


@pytest.mark.parametrize("pattern", ["1:1", "0:1", "first"])
@pytest.mark.parametrize("averaged", [False, True])
def test_stored_features_are_judged_as_their_videos_are(
    data: VideoList, store: FeatureStore, pattern: str, averaged: bool
) -> None:
    bundle = bundle_for(data.labels).with_pattern(pattern)
    bundle = baseline(bundle) if averaged else bundle
    ours = evaluate_features(bundle, store)
    theirs = evaluate(Classifier(bundle), [*data.videos[:5], LabelledVideo(Path("none.mp4"), data.labels[0])])
    assert ours.counts == theirs.counts
    assert ours.counts.num_unreadable == 1
    assert [video.predicted for video in ours.videos] == [video.predicted for video in theirs.videos]
    assert (ours.pattern, ours.aggregator) == (theirs.pattern, theirs.aggregator)
    assert ours.gmacs_per_video == pytest.approx(theirs.gmacs_per_video)
    assert ours.videos[-1].unreadable == theirs.videos[-1].unreadable == "No such file or directory"
    assert [video.missing for video in ours.videos] == [video.missing for video in theirs.videos]
    assert (ours.num_missing, ours.top1_without_missing) == (1, theirs.top1_without_missing)
    for one, other in zip(ours.videos[:-1], theirs.videos[:-1], strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=5e-3)


def test_features_of_other_backbones_or_clips_are_refused(data: VideoList, store: FeatureStore) -> None:
    bundle = bundle_for(data.labels)
    longer = replace(bundle.config, clips=replace(bundle.config.clips, frame_stride=2))
    with pytest.raises(ConfigError, match=r"clips\.frame_stride is 2, but .* was made with 1; give the same"):
        evaluate_features(Bundle(model=bundle.model, config=longer), store)
    with pytest.raises(DataError, match="labels that do not match"):
        evaluate_features(bundle_for(["a", "b"]), store)
    torch.nn.init.zeros_(next(iter(bundle.model.cheap.parameters())))
    with pytest.raises(ConfigError, match="was made by another cheap backbone than this model's"):
        evaluate_features(bundle, store)
    expensive = Bundle(model=bundle.model.with_pattern(Pattern.parse("1:0")), config=bundle.config)
    assert evaluate_features(expensive, store).counts.num_videos == 6  # no clip of it is the cheap one's
