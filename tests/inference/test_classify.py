"""A file in, its label out: what is said of every clip must be what was run."""

import dataclasses
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from inference_samples import LABELS, small_bundle, write_sample

from faster_video import clips as clip_making
from faster_video.bundle import load_bundle_config, save_bundle
from faster_video.cost import video_cost
from faster_video.device import choose_device
from faster_video.errors import BundleError, ConfigError, DecodeError
from faster_video.inference import Classification, Classifier, Failure, load
from faster_video.inference.classify import CLIPS_AHEAD
from faster_video.packaged import PACKAGED
from faster_video.video import VideoReader, probe


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "sample.mp4")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(small_bundle(), "cpu")


@pytest.fixture(scope="module")
def answer(classifier: Classifier, video: Path) -> Classification:
    return classifier.classify(video)


@pytest.mark.parametrize("aggregator", ["fast_gru", "average", "lstm"])
@pytest.mark.parametrize("pattern", ["1:2", "first", "0:1", "1:0"])
def test_answers_are_those_of_the_whole_forward(aggregator: str, pattern: str, video: Path) -> None:
    bundle = small_bundle(pattern, aggregator)
    config = bundle.config
    frame_numbers = [[min(start + 2 * step, 49) for step in range(8)] for start in (0, 9, 18, 26, 35)]
    with VideoReader(video) as reader:
        view = clip_making.test_view(reader.info.height, reader.info.width, config.transform)
        pixels = [clip_making.as_clip(frames.data) for frames in reader.clips(frame_numbers, view)]
    whole = clip_making.normalize(torch.stack(pixels), config.transform)[None]  # [1, N, C, T, S, S]
    with torch.inference_mode():
        expected = small_bundle(pattern, aggregator).model(whole)[0].exp()  # [N, K]
    answered = torch.tensor([clip.probabilities for clip in Classifier(bundle, "cpu").classify(video).clips])
    torch.testing.assert_close(answered, expected, atol=1e-4, rtol=1e-3)


def test_probabilities_sum_to_one_and_are_ranked(answer: Classification) -> None:
    for clip in answer.clips:
        assert math.isclose(sum(clip.probabilities), 1, abs_tol=1e-9)
        assert clip.probability == max(clip.probabilities)
        assert clip.label == LABELS[clip.probabilities.index(clip.probability)]
    shares = [share for _, share in answer.labels]
    assert shares == sorted(shares, reverse=True)
    assert sorted(label for label, _ in answer.labels) == sorted(LABELS)
    assert answer.labels[0] == (answer.label, answer.probability)


@pytest.mark.parametrize("pattern", [None, "1:2", "1:0", "0:1", "first"])
def test_gmacs_rise_to_the_cost_of_the_pattern_that_ran(pattern: str | None, video: Path) -> None:
    bundle = small_bundle(pattern="1:1")
    running = bundle if pattern is None else bundle.with_pattern(pattern)
    classification = Classifier(running, "cpu").classify(video)
    cost = video_cost(running.config.model, running.config.clips, 32, len(LABELS))
    spent = [clip.gmacs for clip in classification.clips]
    assert all(earlier < later for earlier, later in pairwise(spent))
    assert spent[-1] == classification.gmacs == cost.gmacs
    assert classification.gmacs_all_expensive == cost.all_expensive_gmacs
    assert classification.pattern == (pattern or "1:1")


def test_another_pattern_leaves_the_bundle_its_own(video: Path) -> None:
    bundle = small_bundle(pattern="1:0")
    cheap = Classifier(bundle.with_pattern("0:1"), "cpu")
    answers = [Classifier(bundle, "cpu").classify(video), cheap.classify(video)]
    assert [answer.pattern for answer in answers] == ["1:0", "0:1"]
    assert [{clip.expensive for clip in answer.clips} for answer in answers] == [{True}, {False}]
    assert answers[0].gmacs > answers[1].gmacs
    alone = Classifier(small_bundle(pattern="1:0"), "cpu").classify(video)
    assert alone.clips == answers[0].clips != answers[1].clips


def test_clips_say_what_they_cover(answer: Classification, video: Path) -> None:
    assert [clip.expensive for clip in answer.clips] == [True, False, False, True, False]
    assert answer.clips[0].start_seconds == 0
    assert answer.clips[0].end_seconds == pytest.approx(15 / 25)  # 8 frames, every second one
    assert answer.clips[-1].end_seconds == pytest.approx(probe(video).seconds) == answer.video_seconds == 2.0
    assert answer.seconds > max(answer.seconds_decoding, answer.seconds_model)
    assert min(answer.seconds_decoding, answer.seconds_model) > 0


@pytest.mark.parametrize("num_frames", [1, 2, 9])
def test_video_shorter_than_a_clip_is_classified(num_frames: int, classifier: Classifier, tmp_path: Path) -> None:
    classification = classifier.classify(write_sample(tmp_path / "short.mp4", num_frames))
    assert len(classification.clips) == 5
    assert {clip.start_seconds for clip in classification.clips} == {0.0}
    assert classification.clips[-1].end_seconds == pytest.approx(num_frames / 25)


def test_json_holds_the_answer(answer: Classification, video: Path) -> None:
    values = json.loads(json.dumps(answer.as_dict(top=3)))
    assert values["path"] == str(video)
    assert [(entry["label"], entry["probability"]) for entry in values["labels"]] == answer.labels[:3]
    assert len(values["clips"]) == 5
    assert values["clips"][0] == {
        "start_seconds": 0.0,
        "end_seconds": answer.clips[0].end_seconds,
        "expensive": True,
        "label": answer.clips[0].label,
        "probability": answer.clips[0].probability,
        "gmacs": answer.clips[0].gmacs,
    }
    assert values["gmacs"] == answer.gmacs < values["gmacs_all_expensive"]


def test_results_come_as_they_are_ready_and_bad_files_are_passed_over(
    classifier: Classifier, video: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    asked: list[Path] = []

    def paths() -> Iterator[Path]:
        for path in (video, broken, tmp_path / "missing.mp4", video):
            asked.append(path)
            yield path

    results = classifier.classify_many(paths())
    assert isinstance(next(results), Classification)
    first, second, last = results
    assert isinstance(first, Failure) and first.path == broken
    assert first.reason.startswith("not a video file that can be read")
    assert isinstance(second, Failure) and second.reason == "No such file or directory"
    assert json.loads(json.dumps(second.as_dict())) == {
        "path": str(tmp_path / "missing.mp4"),
        "error": "No such file or directory",
    }
    assert isinstance(last, Classification)
    assert asked == [video, broken, tmp_path / "missing.mp4", video]


def test_files_are_decoded_ahead_but_not_far(classifier: Classifier, video: Path) -> None:
    """However many files there are, a few clips wait at a time."""
    asked: list[Path] = []

    def paths() -> Iterator[Path]:
        for _ in range(50):
            asked.append(video)
            yield video

    results = classifier.classify_many(paths())
    assert isinstance(next(results), Classification)
    while len(asked) == 1:
        time.sleep(0.01)
    time.sleep(0.5)
    assert len(asked) <= 1 + CLIPS_AHEAD // 5 + 2  # five clips a file
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_an_answer_is_the_same_alone_and_among_others(classifier: Classifier, video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    alone = classifier.classify(video)
    found = list(classifier.classify_many([video, broken, video]))
    assert [result.clips for result in found if isinstance(result, Classification)] == [alone.clips, alone.clips]


def test_decoding_takes_no_threads_from_later_work(classifier: Classifier, video: Path) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        classifier.classify(video)
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)


def test_a_failure_among_the_paths_is_passed_on_in_its_turn(classifier: Classifier, video: Path) -> None:
    failure = Failure(Path("empty"), "no video in this folder")
    first, second = classifier.classify_many([failure, video])
    assert first is failure and isinstance(second, Classification)


@pytest.mark.parametrize("name", ["a\nb \u200d \x1b.mp4", "caf\udce9.mp4"], ids=["control", "not UTF-8"])
def test_json_has_the_real_path(name: str, answer: Classification) -> None:
    for values in (Failure(Path(name), "why").as_dict(), dataclasses.replace(answer, path=Path(name)).as_dict(1)):
        assert json.loads(json.dumps(values))["path"] == name


def test_error_names_the_file(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"gone\.mp4: No such file or directory"):
        classifier.classify(tmp_path / "gone.mp4")


@pytest.mark.parametrize("name", ["[a] & b; c! #1.mp4", "%20*?.mp4", "- weiß 跳.mp4", "a:b.mp4", "$x$ [bold].mp4"])
def test_odd_names_are_just_names(name: str, classifier: Classifier, tmp_path: Path) -> None:
    path = write_sample(tmp_path / name, num_frames=10)
    assert classifier.classify(path).path == path


def test_loaded_bundle_answers_like_the_one_saved(answer: Classification, video: Path, tmp_path: Path) -> None:
    save_bundle(small_bundle(), tmp_path / "bundle")
    loaded = load(tmp_path / "bundle", device="cpu")
    # float32 sums depend on where the weights lie in memory.
    assert dict(loaded.classify(str(video)).labels) == pytest.approx(dict(answer.labels), rel=1e-5)
    assert str(load(str(tmp_path / "bundle"), pattern="first", device="cpu").model.pattern) == "first"


def test_load_refuses_what_is_no_bundle_and_no_pattern(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere: does not exist; a bundle is a folder with"):
        load(tmp_path / "nowhere")
    save_bundle(small_bundle(), tmp_path / "bundle")
    with pytest.raises(ConfigError, match=r"pattern is '3-1'; write it E:C"):
        load(tmp_path / "bundle", pattern="3-1")


def test_the_default_bundle_is_what_the_readme_and_the_demo_say() -> None:
    config = load_bundle_config(PACKAGED["default"])
    assert len(config.labels) == 1000 and config.labels[457] == "bow tie"
    assert (config.model.expensive.name, config.model.cheap.name) == ("efficientnet_lite2", "efficientnet_lite0")
    assert set(config.published) == {"expensive", "cheap"} and config.model.pattern == "1:3"
    weights = PACKAGED["default"] / "model.safetensors"
    assert weights.stat().st_size < 20e6  # of the aggregator alone


def test_the_bundle_of_motions_is_what_the_documents_say() -> None:
    config = load_bundle_config(PACKAGED["motion"])
    motions = ["clockwise", "counterclockwise", "down", "left", "nodding", "right", "rocking", "shaking", "up"]
    assert config.labels == motions
    assert (config.model.pattern, config.clips.num_clips, config.clips.frames_per_clip) == ("first", 32, 8)
    assert config.provenance["metrics"]["videos"] == 1200


def test_devices_are_chosen_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for wrong in ("gpu", "meta", "cuda:", "cuda:x", "cuda:-1", ""):
        with pytest.raises(ConfigError, match=r"unknown device .*; choose one of auto, cpu, cuda"):
            choose_device(wrong)
    with pytest.raises(ConfigError, match=r"device is 'cuda:99', but PyTorch sees \d+ CUDA GPUs; use auto or cpu"):
        choose_device("cuda:99")


@pytest.mark.parametrize("together", [2, 3, 5])
@pytest.mark.parametrize("pattern", ["1:2", "first", "0:1"])
def test_clips_that_go_through_together_are_answered_as_one_by_one(
    pattern: str, together: int, video: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"none")
    classifier = Classifier(small_bundle(pattern), "cpu", "eager")
    alone = classifier.classify(video)
    classifier.clips_together = together  # as on a GPU
    one, broken, other = classifier.classify_many([video, bad, video])
    assert isinstance(one, Classification) and isinstance(broken, Failure) and isinstance(other, Classification)
    for answer in (one, other):
        assert [clip.start_seconds for clip in answer.clips] == [clip.start_seconds for clip in alone.clips]
        for clip, wanted in zip(answer.clips, alone.clips, strict=True):
            assert clip.probabilities == pytest.approx(wanted.probabilities, abs=1e-5)
            assert clip.gmacs == wanted.gmacs


def test_a_bundle_is_loaded_without_what_only_training_and_drawing_need() -> None:
    """PyTorch's compiler and matplotlib take most of a second to load."""
    program = (
        "import sys, faster_video\n"
        "faster_video.load(device='cpu')\n"
        "print(sorted({'torch._dynamo', 'matplotlib'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
