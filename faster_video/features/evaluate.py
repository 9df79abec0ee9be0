"""A bundle judged on the test views of stored features: no video is decoded, no backbone runs.

Shapes: B videos of a batch, N clips per video, K classes.
"""

from collections.abc import Iterator

import torch

from faster_video.bundle import Bundle
from faster_video.cost import video_cost
from faster_video.device import choose_device
from faster_video.evaluation import Counts, Evaluation, JudgedVideo, require_known_labels
from faster_video.features.layout import TEST
from faster_video.features.stored import NO_FILE, Features, StoredKey
from faster_video.model import State

BATCH_VIDEOS = 64


def evaluate_features(bundle: Bundle, features: Features, *, device: str = "cpu") -> Evaluation:
    """Judge every video by its stored test view; one that was missing or broken counts as wrong.

    The bundle decides pattern and number of clips: what the store does not hold of them is refused.

    Raises:
        DataError: there are no videos, or a label is none of the bundle's.
        ConfigError: the features are not those of the bundle's backbones, or lack maps that its pattern wants.
        StoreError: a file is damaged.
    """
    require_known_labels(features.videos, bundle.labels)
    features.require_fit(bundle.model, bundle.config)
    number_of = {label: number for number, label in enumerate(bundle.labels)}
    probabilities = dict(_probabilities(bundle, features, choose_device(device)))
    reasons = {lost.key.video: lost.reason for lost in features.lost if lost.key.view == TEST}
    reasons |= dict.fromkeys(features.missing, NO_FILE)
    config = bundle.config
    gmacs = video_cost(config.model, config.clips, config.transform.crop_size, len(bundle.labels)).gmacs
    counts, judged = Counts.empty(len(bundle.labels)), []
    for number, video in enumerate(features.videos):
        found = probabilities.get(number)
        counts += Counts.of_video(number_of[video.label], found, len(bundle.labels))
        if found is None:
            judged.append(
                JudgedVideo(
                    path=video.path,
                    label=video.label,
                    unreadable=reasons.get(number, "not stored"),
                    missing=number in features.missing,
                )
            )
            continue
        best = max(range(len(found)), key=found.__getitem__)
        judged.append(
            JudgedVideo(
                path=video.path,
                label=video.label,
                predicted=bundle.labels[best],
                probability=found[best],
                probabilities=found,
                gmacs=gmacs,
            )
        )
    return Evaluation(
        labels=bundle.labels,
        pattern=str(bundle.model.pattern),
        aggregator=config.model.aggregator,
        counts=counts,
        videos=judged,
    )


@torch.inference_mode()
def _probabilities(bundle: Bundle, features: Features, device: torch.device) -> Iterator[tuple[int, list[float]]]:
    """Number and probabilities [K] of every video that has a test view."""
    model = bundle.model.eval().to(device)
    flags = model.pattern.flags(bundle.config.clips.num_clips)
    readable = [number for number in range(len(features.videos)) if features.has(StoredKey(number, TEST))]
    for start in range(0, len(readable), BATCH_VIDEOS):
        numbers = readable[start : start + BATCH_VIDEOS]
        maps = features.batch([StoredKey(number, TEST) for number in numbers], flags)
        state: State | None = None
        for clip in maps:
            answer, state = model.fold(clip.to(device), state)
        yield from zip(numbers, answer.double().softmax(dim=-1).tolist(), strict=True)
