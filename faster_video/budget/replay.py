"""A bundle's answers after every clip of many labelled videos, from stored maps: no video is decoded again.

Shapes: V videos, N clips per video, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.datasets import LabelledVideo
from faster_video.engine import AUTO
from faster_video.errors import DataError
from faster_video.evaluation import require_known_labels
from faster_video.features.answers import Choose, require_maps, stored_answers
from faster_video.features.layout import TEST
from faster_video.features.stored import Features, StoredKey, lost_reasons
from faster_video.files import printable
from faster_video.inference import Classification, Classifier
from faster_video.policy import Calibration

BATCH_VIDEOS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What a bundle says of V videos after each of their clips."""

    log_probabilities: Tensor
    """Float32 [V, N, K], not calibrated."""
    labels: Tensor
    """Numbers of the true ones, [V]."""
    expensive: Tensor
    """Which clips the expensive network has seen, bool [V, N]."""
    gated: bool = False
    """Whether a gate has decided that, which has its own cost."""

    def shortened(self, videos: Tensor | Sequence[int]) -> "Replay":
        """Of these videos only."""
        return Replay(self.log_probabilities[videos], self.labels[videos], self.expensive[videos], self.gated)

    def top1_after_each_clip(self) -> Tensor:
        """Share of videos that are right, float64 [N]."""
        right = self.log_probabilities.argmax(dim=-1) == self.labels[:, None]
        return right.double().mean(dim=0)


def replay(bundle: Bundle, features: Features, choose: Choose | None = None, *, view: int = TEST) -> Replay:
    """Under the bundle's pattern, or its gate if that is in use, or `choose`, on one view of each video.

    Raises:
        DataError: no video has that view, or a label is none of the bundle's.
        ConfigError: the features are not those of the bundle's networks, or lack maps: a gate and `choose` want both
            networks' maps of all clips.
        StoreError: a file is damaged.
    """
    labels = _labels(bundle, features, view)
    gated = choose is not None or bundle.model.gate_threshold is not None
    require_maps(bundle, features, both=gated)
    model, num_clips = bundle.model.eval(), bundle.config.clips.num_clips
    found = [stored_answers(model, features, keys, num_clips, choose=choose) for keys in _batches(features, view)]
    answers, flags = zip(*found, strict=True)
    return Replay(torch.cat(answers), labels, torch.cat(flags), gated)


def replay_videos(
    bundle: Bundle, videos: Sequence[LabelledVideo], device: str = "auto", engine: str = AUTO
) -> tuple[Replay, list[str]]:
    """The same from video files, all clips of each; and why some of them could not be read.

    Raises:
        DataError: a label is none of the bundle's, or no video can be read.
        ConfigError, EngineError: as `Classifier`.
    """
    require_known_labels(videos, bundle.labels)
    number_of = {label: number for number, label in enumerate(bundle.labels)}
    as_it_is = replace(bundle, config=replace(bundle.config, calibration=Calibration()))
    classifier = Classifier(as_it_is, device, engine, videos=len(videos))
    answers, labels, flags, lost = [], [], [], []
    for video, found in zip(videos, classifier.classify_many([one.path for one in videos]), strict=True):
        if not isinstance(found, Classification):
            lost.append(f"{printable(video.path)}: {found.reason}")
            continue
        answers.append(torch.tensor([clip.probabilities for clip in found.clips], dtype=torch.float64))
        labels.append(number_of[video.label])
        flags.append([clip.expensive for clip in found.clips])
    if not answers:
        raise DataError(f"none of the {len(videos)} videos could be read; the first: {lost[0]}")
    log_probabilities = torch.stack(answers).clamp_min(torch.finfo(torch.float64).tiny).log().float()
    gated = bundle.model.gate_threshold is not None
    return Replay(log_probabilities, torch.tensor(labels), torch.tensor(flags), gated), lost


def lost_videos(features: Features, view: int = TEST) -> list[str]:
    """The videos that have no maps of this view, each with its reason."""
    reasons = lost_reasons(features, view)
    return [f"{printable(features.videos[number].path)}: {reason}" for number, reason in reasons.items()]


def _readable(features: Features, view: int) -> list[StoredKey]:
    keys = [StoredKey(number, view) for number in range(len(features.videos))]
    found = [key for key in keys if features.has(key)]
    if not found:
        raise DataError(f"{features.name}: holds no {'test views' if view == TEST else 'random views'} of any video")
    return found


def _batches(features: Features, view: int) -> Iterator[list[StoredKey]]:
    readable = _readable(features, view)
    for start in range(0, len(readable), BATCH_VIDEOS):
        yield readable[start : start + BATCH_VIDEOS]


def _labels(bundle: Bundle, features: Features, view: int) -> Tensor:
    require_known_labels(features.videos, bundle.labels)
    number_of = {label: number for number, label in enumerate(bundle.labels)}
    return torch.tensor([number_of[features.videos[key.video].label] for key in _readable(features, view)])
