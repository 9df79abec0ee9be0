"""How far a mixed run answers like the expensive network on all clips.

Shapes: V videos, N clips per video, K classes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from rich.box import SIMPLE
from rich.table import Table
from torch import Tensor

from faster_video.bundle import Bundle
from faster_video.cost import video_cost
from faster_video.evaluation import baseline
from faster_video.features import Features, StoredKey

AT_ONCE = 32
"""Videos."""
ALL_EXPENSIVE = "1:0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Of one pattern and one way of folding its clips, over all videos."""

    pattern: str
    aggregator: str
    """Such as fast_gru; or average: the scores of the same mix averaged."""
    videos: int
    top1: float
    """Share of the videos with the same label as the teacher's."""
    kl: float
    """Mean of KL(teacher ‖ student), in nats."""
    gmacs: float
    """Of a video."""
    ratio: float
    """Share of the teacher's GMACs."""


def agreements(
    bundle: Bundle, features: Features, keys: Sequence[StoredKey], patterns: Sequence[str]
) -> Iterator[Agreement]:
    """The bundle's own way and average pooling, pattern by pattern, on these views."""
    teacher = _answers(baseline(bundle).with_pattern(ALL_EXPENSIVE), features, keys)
    for pattern in patterns:
        for folding in (bundle, baseline(bundle)):
            mixed = folding.with_pattern(pattern)
            student = _answers(mixed, features, keys)
            config = mixed.config
            cost = video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))
            yield Agreement(
                pattern=pattern,
                aggregator=config.model.aggregator,
                videos=len(keys),
                top1=float((student.argmax(dim=1) == teacher.argmax(dim=1)).double().mean()),
                kl=_divergence(student, teacher),
                gmacs=cost.gmacs,
                ratio=cost.ratio,
            )


def divergence_meter(
    bundle: Bundle, features: Features, keys: Sequence[StoredKey], patterns: Sequence[str]
) -> Callable[[], float]:
    """The bundle's own KL on these views with the weights that it has when asked, the mean over the patterns."""
    teacher = _answers(baseline(bundle).with_pattern(ALL_EXPENSIVE), features, keys)
    students = [bundle.with_pattern(pattern) for pattern in patterns]
    return lambda: fmean(_divergence(_answers(student, features, keys), teacher) for student in students)


def agreement_table(rows: Sequence[Agreement]) -> Table:
    """For a terminal."""
    table = Table(box=SIMPLE, title="Agreement with the expensive network on every clip, averaged")
    for heading in ("pattern", "folded by", "same label", "KL, nats", "GMACs", "of all expensive"):
        table.add_column(heading, justify="left" if heading == "folded by" else "right")
    for row in rows:
        kl = f"{row.kl:.3f}"
        table.add_row(row.pattern, row.aggregator, f"{row.top1:.1%}", kl, f"{row.gmacs:.2f}", f"{row.ratio:.1%}")
    return table


def _divergence(student: Tensor, teacher: Tensor) -> float:
    """KL(teacher ‖ student) of log-probabilities [V, K], the mean over videos."""
    return float((teacher.exp() * (teacher - student)).sum(dim=1).double().mean())


@torch.no_grad()
def _answers(bundle: Bundle, features: Features, keys: Sequence[StoredKey]) -> Tensor:
    """Log-probabilities [V, K] after the last clip."""
    flags = bundle.model.pattern.flags(bundle.config.clips.num_clips)
    groups = (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))
    return torch.cat([bundle.model.fold_all(features.batch(group, flags))[:, -1] for group in groups])
