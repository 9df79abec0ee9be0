"""A bundle judged on the test views of stored features: no video is decoded, no backbone runs.

Shapes: B videos of a batch, N clips per video, K classes.
"""

from collections.abc import Iterator

import torch

from faster_video.bundle import Bundle
from faster_video.cost import clip_gmacs, video_cost
from faster_video.datasets import LabelledVideo
from faster_video.device import choose_device
from faster_video.evaluation import Counts, Evaluation, JudgedVideo, require_known_labels
from faster_video.features.answers import require_maps, stored_answers
from faster_video.features.layout import TEST
from faster_video.features.stored import Features, StoredKey, lost_reasons
from faster_video.inference.stopping import Watch
from faster_video.policy import StopRule

BATCH_VIDEOS = 64


def evaluate_features(
    bundle: Bundle, features: Features, *, device: str = "cpu", stop: StopRule | None = None
) -> Evaluation:
    """Judge every video by its stored test view; one that was missing or broken counts as wrong.

    The bundle decides pattern, or gate, and number of clips: what the store does not hold of them is refused. `stop` is
    as of `Classifier`.

    Raises:
        DataError: there are no videos, or a label is none of the bundle's.
        ConfigError: the features are not those of the bundle's backbones, or lack maps that its pattern or
            gate wants.
        StoreError: a file is damaged.
    """
    require_known_labels(features.videos, bundle.labels)
    require_maps(bundle, features, both=bundle.model.gate_threshold is not None)
    number_of = {label: number for number, label in enumerate(bundle.labels)}
    answers = dict(_answers(bundle, features, choose_device(device), stop))
    reasons = lost_reasons(features, TEST)
    counts, judged = Counts.empty(len(bundle.labels)), []
    for number, video in enumerate(features.videos):
        if number in answers:
            done = _judged(video, bundle.labels, *answers[number])
        else:
            reason = reasons.get(number, "not stored")
            missing = number in features.missing
            done = JudgedVideo(path=video.path, label=video.label, unreadable=reason, missing=missing)
        counts += Counts.of_video(number_of[video.label], done.probabilities, len(bundle.labels))
        judged.append(done)
    return Evaluation(
        labels=bundle.labels,
        pattern=bundle.model.chosen_by,
        aggregator=bundle.config.model.aggregator,
        num_clips=bundle.config.clips.num_clips,
        stop=stop,
        counts=counts,
        videos=judged,
    )


def _judged(video: LabelledVideo, labels: list[str], probabilities: list[float], gmacs: float) -> JudgedVideo:
    """A video that was read, by its probabilities [K]."""
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return JudgedVideo(
        path=video.path,
        label=video.label,
        predicted=labels[best],
        probability=probabilities[best],
        probabilities=probabilities,
        gmacs=gmacs,
    )


def _answers(
    bundle: Bundle, features: Features, device: torch.device, stop: StopRule | None
) -> Iterator[tuple[int, tuple[list[float], float]]]:
    """Number, probabilities [K] and GMACs of every video that has a test view."""
    model, config = bundle.model.eval().to(device), bundle.config
    cost = video_cost(config.model, config.clips, config.transform.crop_size, len(bundle.labels))
    readable = [number for number in range(len(features.videos)) if features.has(StoredKey(number, TEST))]
    for start in range(0, len(readable), BATCH_VIDEOS):
        numbers = readable[start : start + BATCH_VIDEOS]
        keys = [StoredKey(number, TEST) for number in numbers]
        answers, flags = stored_answers(model, features, keys, config.clips.num_clips, device=device)
        calibrated = (answers.double() / config.calibration.temperature).softmax(dim=-1).tolist()  # [B, N, K]
        for number, of_video, expensive in zip(numbers, calibrated, flags.tolist(), strict=True):
            clips = _clips_wanted(of_video, stop)
            seen = enumerate(expensive[:clips])
            gmacs = sum(clip_gmacs(cost, model, expensive=flag, first=clip == 0) for clip, flag in seen)
            yield number, (of_video[clips - 1], gmacs)


def _clips_wanted(probabilities: list[list[float]], stop: StopRule | None) -> int:
    """After how many clips a video is known, by the answers after each [N, K]."""
    watch = Watch(stop)
    for clip, answer in enumerate(probabilities):
        best = max(range(len(answer)), key=answer.__getitem__)
        if watch.is_known(str(best), answer[best]):
            return clip + 1
    return len(probabilities)
