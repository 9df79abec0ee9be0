"""Rules, gates and presets where videos are classified: what stored maps promise is what files get."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
import torch
from budget_samples import gated_bundle
from inference_samples import small_bundle, write_sample

from faster_video.budget import GateTraining, Replay, replay, replay_videos, train_gate
from faster_video.budget.prices import gmacs_prices
from faster_video.bundle import Bundle, load_bundle, save_bundle
from faster_video.datasets import LabelledVideo, VideoList
from faster_video.errors import BundleError, ConfigError, DataError, DecodeError
from faster_video.evaluation import evaluate
from faster_video.features import TEST, FeatureStore, StoredKey, evaluate_features
from faster_video.features.stored import Features, LostFeatures
from faster_video.inference import Classification, Classifier, load
from faster_video.inference.decoding import ClipDecoder, DecodedClip
from faster_video.model import State
from faster_video.policy import Calibration, Preset, StopRule
from faster_video.streaming import Source, Stream, stream_answers


@pytest.fixture(scope="module")
def threshold(store: FeatureStore) -> float:
    """Above which the untrained gate opens for some of the clips and not for others."""
    model, found = gated_bundle(0.5).model.requires_grad_(False), []
    for number in range(8):
        state = model.fold(store.features(number)[0].float()[None], None, expensive=True)[1]
        cheap = store.batch([StoredKey(number, TEST)], [False] * 5)[1:]
        found += [float(model.gate_probability(clip, state.hidden)) for clip in cheap]
    return sorted(found)[len(found) // 2]


RULE = StopRule(confidence=0.5, clips=2)


def test_a_rule_ends_a_video_where_all_its_answers_say(tmp_path: Path) -> None:
    files = [write_sample(tmp_path / f"{number}.mp4", num_frames=80, seed=number) for number in range(6)]
    files[2].write_bytes(files[2].read_bytes()[:200])
    whole = list(Classifier(small_bundle(num_clips=8), "cpu").classify_many(files))
    stopped = list(Classifier(small_bundle(num_clips=8), "cpu", stop=RULE).classify_many(files))
    seen = []
    for mine, theirs in zip(stopped, whole, strict=True):
        assert mine.path == theirs.path and type(mine) is type(theirs)
        if not isinstance(mine, Classification) or not isinstance(theirs, Classification):
            continue
        for one, other in zip(mine.clips, theirs.clips, strict=False):
            assert (one.label, one.expensive, one.start_seconds) == (other.label, other.expensive, other.start_seconds)
            assert (one.probability, one.gmacs) == pytest.approx((other.probability, other.gmacs), rel=1e-5)
        sure = [one.probability >= 0.5 for one in mine.clips]
        ends = [
            number
            for number in range(1, len(theirs.clips))
            if all(theirs.clips[at].probability >= 0.5 for at in (number - 1, number))
            and theirs.clips[number].label == theirs.clips[number - 1].label
        ]
        assert len(mine.clips) == (ends[0] + 1 if ends else 8) and mine.num_clips == 8
        assert mine.gmacs_all_expensive == theirs.gmacs_all_expensive
        seen.append((len(mine.clips), any(sure)))
    assert any(clips < 8 for clips, _ in seen)


def test_what_cannot_be_read_after_a_video_is_known_is_nobodys_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far the thread that decodes is ahead."""
    files = [write_sample(tmp_path / f"{number}.mp4", num_frames=80, seed=number) for number in range(3)]
    read = ClipDecoder.read

    def broken(decoder: ClipDecoder, path: Path, *rest: object, **more: object) -> Iterator[DecodedClip]:
        for clip in read(decoder, path, *rest, **more):  # type: ignore[arg-type]
            if path == files[1] and clip.number == 2:
                raise DecodeError(f"{path}: ends here")
            yield clip

    monkeypatch.setattr(ClipDecoder, "read", broken)
    classifier = Classifier(small_bundle(), "cpu", "eager", stop=StopRule(confidence=0.01))
    steps = classifier.steps

    def slow(clips: list[torch.Tensor], state: State | None) -> tuple[list[list[float]], list[bool], State]:
        sleep(0.2)
        return steps(clips, state)

    monkeypatch.setattr(classifier, "steps", slow)
    found = list(classifier.classify_many([*files, files[1]]))
    assert [type(one) for one in found] == [Classification] * 4
    assert [one.path for one in found] == [*files, files[1]]
    assert classifier.classify(files[1]).label
    with pytest.raises(DecodeError, match="ends here"):
        Classifier(small_bundle(), "cpu", "eager").classify(files[1])


def test_gates_choose_alike_for_files_for_stored_maps_and_for_streams(
    videos: VideoList, store: FeatureStore, threshold: float
) -> None:
    bundle = gated_bundle(threshold)
    found, lost = replay_videos(bundle, videos.videos[:8], "cpu", "eager")
    stored = replay(gated_bundle(threshold), store)
    assert not lost and found.gated and stored.gated
    shares = found.expensive[:, 1:].double().mean()
    assert 0 < shares < 1  # it opens, and not always
    assert found.expensive[:, 0].all()
    assert torch.equal(found.expensive, stored.expensive[:8])
    torch.testing.assert_close(found.log_probabilities, stored.log_probabilities[:8], atol=0.02, rtol=0.02)
    prices = gmacs_prices(bundle)
    classifier = Classifier(gated_bundle(threshold), "cpu", "eager")
    spent = [classifier.classify(video.path).gmacs for video in videos.videos[:8]]
    torch.testing.assert_close(torch.tensor(spent, dtype=torch.float64), prices.after_each_clip(found)[:, -1])
    judged = evaluate_features(gated_bundle(threshold), store)
    assert judged.videos[3].gmacs == pytest.approx(spent[3])
    whole = classifier.classify(videos.videos[0].path)
    assert whole.pattern == f"gate {threshold:g}"


def test_streams_ask_the_gate(videos: VideoList, threshold: float) -> None:
    classifier = Classifier(gated_bundle(threshold), "cpu", "eager")
    with Source(str(videos.videos[0].path)) as source:
        stream = Stream(classifier, fps=source.fps)
        answers = list(stream_answers(stream, source))
    assert answers[0].expensive and len(answers) > 2
    spent = 0.0
    for number, answer in enumerate(answers):
        spent += classifier.step_gmacs(expensive=answer.expensive, first=number == 0)
        assert answer.gmacs == pytest.approx(spent)


def test_what_a_rule_gives_is_the_same_on_files_and_on_stored_maps(videos: VideoList, store: FeatureStore) -> None:
    bundle = small_bundle()
    bundle = replace(bundle, config=replace(bundle.config, calibration=Calibration(temperature=2.0, videos=9)))
    on_files = evaluate(Classifier(bundle, "cpu", "eager", stop=RULE), videos.videos[:8])
    on_maps = evaluate_features(bundle, store, stop=RULE)
    assert [one.predicted for one in on_files.videos] == [one.predicted for one in on_maps.videos[:8]]
    assert [one.gmacs for one in on_files.videos] == pytest.approx([one.gmacs for one in on_maps.videos[:8]])
    assert len({one.gmacs for one in on_files.videos}) > 1


def test_temperatures_change_how_sure_answers_are_and_not_what_they_say(tmp_path: Path) -> None:
    video = write_sample(tmp_path / "a.mp4")
    bundle = small_bundle()
    cool = Classifier(bundle, "cpu").classify(video)
    hot = replace(bundle, config=replace(bundle.config, calibration=Calibration(temperature=3.0, videos=9)))
    warm = Classifier(hot, "cpu").classify(video)
    for one, other in zip(cool.clips, warm.clips, strict=True):
        assert one.label == other.label and one.probability > other.probability
        wanted = (torch.tensor(one.probabilities, dtype=torch.float64).log() / 3).softmax(dim=0)
        torch.testing.assert_close(torch.tensor(other.probabilities, dtype=torch.float64), wanted)


def test_presets_are_kept_and_used(tmp_path: Path) -> None:
    bundle = gated_bundle(None)
    presets = {
        "cheap": Preset(pattern="first", num_clips=3, stop=RULE),
        "gated": Preset(pattern="first", num_clips=4, gate_threshold=0.25),
    }
    calibration = Calibration(temperature=1.5, stop=StopRule(confidence=0.7), max_drop=0.5, videos=30)
    save_bundle(
        replace(bundle, config=replace(bundle.config, presets=presets, calibration=calibration)), tmp_path / "bundle"
    )
    again = load_bundle(tmp_path / "bundle")
    assert again.config.presets == presets and again.config.calibration == calibration
    assert again.model.gate is not None and again.model.gate_threshold is None
    for name, tensor in bundle.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)
    cheap = load(tmp_path / "bundle", preset="cheap", device="cpu")
    assert (cheap.stop, cheap.cost.num_clips, str(cheap.model.pattern)) == (RULE, 3, "first")
    gated = load(tmp_path / "bundle", preset="gated", device="cpu")
    assert (gated.stop, gated.cost.num_clips, gated.model.gate_threshold) == (None, 4, 0.25)
    assert load(tmp_path / "bundle", preset="gated", pattern="1:1", device="cpu").model.gate_threshold is None
    assert load(tmp_path / "bundle", preset="cheap", stop="never", device="cpu").stop is None
    assert load(tmp_path / "bundle", stop="calibrated", device="cpu").stop == calibration.stop
    for other in ({"preset": "cheap"}, {"pattern": "0:1"}):
        with pytest.raises(ConfigError, match="was learned under the bundle's own pattern, 1:2; leave preset"):
            load(tmp_path / "bundle", stop="calibrated", **other)
    assert load(tmp_path / "bundle", stop="0.8:3", device="cpu").stop == StopRule(confidence=0.8, clips=3)
    with pytest.raises(ConfigError, match="preset is 'dear', which this bundle does not have; it has: cheap, gated"):
        load(tmp_path / "bundle", preset="dear")
    save_bundle(small_bundle(), tmp_path / "plain")
    with pytest.raises(ConfigError, match=r"gate is 0\.5, but this bundle has none; train one with faster-video gate"):
        load_bundle(tmp_path / "plain").with_gate(0.5)
    with pytest.raises(ConfigError, match="stop is 'calibrated', but this bundle has no rule; faster-video calibrate"):
        load(tmp_path / "plain", stop="calibrated")
    config = json.loads((tmp_path / "bundle" / "config.json").read_text())
    config["presets"]["gated"]["gate_threshold"] = 7
    (tmp_path / "bundle" / "config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match=r"gate is 7.*it must be a probability between 0 and 1"):
        load_bundle(tmp_path / "bundle")


def test_a_gate_learns_which_clips_are_worth_the_expensive_network(store: FeatureStore) -> None:
    """The label is in the expensive maps of the clips whose cheap maps are marked, and nowhere else."""
    bundle = gated_bundle(None)
    marked = Marked(bundle)
    found, threshold = train_gate(bundle, marked, GateTraining(share=0.4, epochs=60, batch_size=8))
    assert 0 < threshold < 1 and found.model.gate_threshold == threshold
    told = replay(found, marked)
    opened, is_marked = told.expensive[:, 1:], marked.is_marked[:, 1:]
    assert float(told.expensive.double().mean()) == pytest.approx(0.4, abs=0.15)
    assert float(opened[is_marked].double().mean()) > float(opened[~is_marked].double().mean()) + 0.5
    before = bundle.model.aggregator.state_dict()  # type: ignore[attr-defined]
    for name, tensor in found.model.aggregator.state_dict().items():  # type: ignore[attr-defined]
        assert torch.equal(tensor, before[name])
    assert all(weight.requires_grad for weight in bundle.model.classifier.parameters())


class Marked(Features):
    """Maps of 40 videos of 5 clips: of one clip the expensive map tells the label, and the cheap map that it does."""

    name, views, missing, identity = "marked", 1, frozenset[int](), "marked"
    lost: Sequence[LostFeatures] = ()

    def __init__(self, bundle: Bundle) -> None:
        generator = torch.Generator().manual_seed(1)
        weights = bundle.model.classifier.linear.weight.detach()  # [K, D]
        labels = torch.randint(3, (40,), generator=generator)
        self.is_marked = torch.zeros(40, 5, dtype=torch.bool)
        self.is_marked[torch.arange(40), torch.randint(1, 5, (40,), generator=generator)] = True
        noise = torch.randn(40, 5, weights.shape[1], generator=generator).abs() * 0.1
        self.costly = noise + 0.3 * self.is_marked[..., None] * weights[labels][:, None].sign()
        self.cheap = torch.randn(40, 5, bundle.model.cheap.channels, generator=generator).abs() * 0.1
        self.cheap += self.is_marked[..., None].float()
        self.videos = tuple(
            LabelledVideo(Path(f"{number}.mp4"), bundle.labels[label]) for number, label in enumerate(labels)
        )

    def has(self, key: StoredKey) -> bool:
        return key.video < 40

    def require_fit(self, model: object, config: object) -> None:
        """They are nobody's."""

    def batch(self, keys: Sequence[StoredKey], flags: Sequence[bool]) -> tuple[torch.Tensor, ...]:
        videos = [video for video, _ in keys]
        chosen = [(self.costly if flag else self.cheap)[videos, clip] for clip, flag in enumerate(flags)]
        return tuple(one[:, :, None, None, None] for one in chosen)


def test_gates_are_not_for_averages_nor_for_one_clip(store: FeatureStore) -> None:
    with pytest.raises(ConfigError, match="this bundle averages scores; a gate looks at what an aggregator has"):
        train_gate(small_bundle(aggregator="average"), store, GateTraining())
    with pytest.raises(ConfigError, match="num_clips is 1; a gate decides about the clips after the first"):
        train_gate(small_bundle(num_clips=1), store, GateTraining())
    with pytest.raises(ConfigError, match=r"share is 1\.5; it must lie between 0 and 1"):
        GateTraining(share=1.5)


def test_a_gate_decides_for_one_video_at_a_time() -> None:
    model = gated_bundle(0.5).model
    clip = torch.zeros(2, 3, 8, 32, 32)
    _, state = model.step(clip)
    with pytest.raises(ConfigError, match="clip has 2 videos; a gate decides for one video at a time"):
        model.step(clip, state)


def test_answers_without_a_label_of_the_bundle_are_refused(store: FeatureStore) -> None:
    other = small_bundle()
    other = replace(other, config=replace(other.config, labels=["x", *other.labels[1:]]))
    with pytest.raises(DataError, match="labels that do not match"):
        replay(other, store)


def test_a_replay_of_some_videos_is_theirs(store: FeatureStore) -> None:
    whole = replay(small_bundle(), store)
    assert isinstance(whole, Replay)
    some = whole.shortened([3, 1])
    assert torch.equal(some.log_probabilities[0], whole.log_probabilities[3]) and some.labels[1] == whole.labels[1]
