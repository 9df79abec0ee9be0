"""A bundle over a list of labelled videos: every video is judged, none is dropped."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from faster_video.bundle import Bundle
from faster_video.datasets import LabelledVideo
from faster_video.datasets.video_list import is_missing
from faster_video.errors import DataError
from faster_video.evaluation.counts import Counts
from faster_video.files import printable
from faster_video.inference import Classifier, Failure
from faster_video.policy import StopRule


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedVideo:
    """One video of the list, its label and what the bundle says. None where the video could not be read."""

    path: Path
    label: str
    """The list's."""
    predicted: str | None = None
    probability: float | None = None
    """Of the predicted label."""
    probabilities: list[float] | None = None
    """Of all K labels, in the bundle's order."""
    gmacs: float | None = None
    seconds: float | None = None
    """Wall time, decoding included."""
    unreadable: str | None = None
    """Why the video could not be read."""
    missing: bool = False
    """Whether that is because there is no such file; such a video is unreadable too."""

    @property
    def correct(self) -> bool:
        """Whether the prediction is the label; an unreadable video never is."""
        return self.predicted == self.label

    def as_dict(self) -> dict[str, object]:
        """For JSON, without the K probabilities."""
        values = asdict(self) | {"path": str(self.path), "correct": self.correct}
        del values["probabilities"]
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """The outcome of one bundle on one list."""

    labels: list[str]
    """The bundle's K labels: the order of the counts' rows and columns."""
    pattern: str
    """Or `gate` and its threshold, where that chose the networks (`Faster.chosen_by`)."""
    aggregator: str
    num_clips: int
    """Of a video at most."""
    stop: StopRule | None = None
    """When a video was known; None looked at all clips."""
    counts: Counts
    videos: list[JudgedVideo]
    """In the list's order."""

    @property
    def setting(self) -> str:
        """How the bundle was run, for titles."""
        chosen = self.pattern if self.pattern.startswith("gate") else f"pattern {self.pattern}"
        stopped = "" if self.stop is None else f", stopped at {self.stop}"
        return f"{chosen}, {self.aggregator}, {self.num_clips} clips{stopped}"

    @property
    def unreadable(self) -> list[JudgedVideo]:
        """The videos that could not be read, missing ones included."""
        return [video for video in self.videos if video.unreadable is not None]

    @property
    def num_missing(self) -> int:
        """Videos of the list whose files are on no disk; each counts as wrong, like all that cannot be read."""
        return sum(video.missing for video in self.videos)

    @property
    def top1_without_missing(self) -> float | None:
        """Top-1 over the videos that are on disk, unreadable ones included; None where none is."""
        present = [video for video in self.videos if not video.missing]
        return _mean([float(video.correct) for video in present])

    @property
    def gmacs_per_video(self) -> float | None:
        """Mean over the videos that were read; None where none was."""
        return _mean([video.gmacs for video in self.videos if video.gmacs is not None])

    @property
    def seconds_per_video(self) -> float | None:
        """Mean wall time over the videos that were read, decoding included; None where none was."""
        return _mean([video.seconds for video in self.videos if video.seconds is not None])

    def as_dict(self) -> dict[str, object]:
        """For JSON: all numbers, the confusion matrix and every video's prediction."""
        counts = self.counts
        return {
            "pattern": self.pattern,
            "aggregator": self.aggregator,
            "num_clips": self.num_clips,
            "stop": None if self.stop is None else str(self.stop),
            "top1": counts.top1,
            "top5": counts.top5,
            "top5_says_nothing": counts.top5_says_nothing,
            "per_class_mean": counts.per_class_mean,
            "chance_uniform": counts.chance_uniform,
            "chance_majority": counts.chance_majority,
            "num_videos": counts.num_videos,
            "num_unreadable": counts.num_unreadable,
            "num_missing": self.num_missing,
            "top1_without_missing": self.top1_without_missing,
            "gmacs_per_video": self.gmacs_per_video,
            "seconds_per_video": self.seconds_per_video,
            "labels": self.labels,
            "confusion": counts.confusion.tolist(),
            "videos": [video.as_dict() for video in self.videos],
        }


def evaluate(
    classifier: Classifier, videos: Sequence[LabelledVideo], *, show_progress: bool = False, processes: int = 1
) -> Evaluation:
    """Judge every video; `show_progress` draws a bar on stderr, `processes` are as of `Classifier.classify_many`.

    Raises:
        DataError: there are no videos, or a label is none of the bundle's.
    """
    judged = judge(classifier, videos, processes)
    shown = track(
        judged,
        description="evaluating",
        total=len(videos),
        console=Console(stderr=True),
        disable=not show_progress,
    )
    return counted(classifier.bundle, classifier.stop, shown)


def counted(bundle: Bundle, stop: StopRule | None, judged: Iterable[JudgedVideo]) -> Evaluation:
    """The evaluation of the bundle that these outcomes make; `stop` is when a video was known."""
    labels = bundle.labels
    number_of = {label: number for number, label in enumerate(labels)}
    counts, done = Counts.empty(len(labels)), []
    for video in judged:
        counts += Counts.of_video(number_of[video.label], video.probabilities, len(labels))
        done.append(video)
    return Evaluation(
        labels=labels,
        pattern=bundle.model.chosen_by,
        aggregator=bundle.config.model.aggregator,
        num_clips=bundle.config.clips.num_clips,
        stop=stop,
        counts=counts,
        videos=done,
    )


def judge(classifier: Classifier, videos: Sequence[LabelledVideo], processes: int = 1) -> Iterator[JudgedVideo]:
    """Each video's outcome as soon as it is known, in the order given; labels are checked before the first.

    Raises:
        DataError: there are no videos, or a label is none of the bundle's.
    """
    require_known_labels(videos, classifier.bundle.labels)
    return _judged(classifier, videos, processes)


def _judged(classifier: Classifier, videos: Sequence[LabelledVideo], processes: int) -> Iterator[JudgedVideo]:
    results = classifier.classify_many((video.path for video in videos), processes)
    for video, result in zip(videos, results, strict=True):
        if isinstance(result, Failure):
            missing = is_missing(video.path)
            yield JudgedVideo(path=video.path, label=video.label, unreadable=result.reason, missing=missing)
            continue
        yield JudgedVideo(
            path=video.path,
            label=video.label,
            predicted=result.label,
            probability=result.probability,
            probabilities=result.clips[-1].probabilities,
            gmacs=result.gmacs,
            seconds=result.seconds,
        )


def require_readable(evaluation: Evaluation, source: str | Path) -> None:
    """Refuse to report on the list `source` where not one of its videos could be read.

    Raises:
        DataError: that is so; the message says what was wrong with the first.
    """
    if len(evaluation.unreadable) == len(evaluation.videos):
        first = evaluation.unreadable[0]
        raise DataError(
            f"{printable(source)}: none of its {len(evaluation.videos)} videos could be read; the first: "
            f"{printable(first.path)}: {first.unreadable}"
        )


def require_known_labels(videos: Sequence[LabelledVideo], labels: Sequence[str]) -> None:
    """Refuse a list that a bundle with these labels cannot be judged on.

    Raises:
        DataError: there are no videos, or a label is none of the bundle's.
    """
    if not videos:
        raise DataError("the list holds no videos; at least one is needed to evaluate")
    unknown = sorted({video.label for video in videos} - set(labels))
    if unknown:
        raise DataError(
            f"labels that do not match: the list has {_named(unknown)}, which the bundle does not know; "
            f"it knows {_named(labels)}"
        )


def _named(labels: Sequence[str]) -> str:
    """The labels in a message; of very many, the first twelve and how many more."""
    named = ", ".join(repr(label) for label in labels[:12])
    return named if len(labels) <= 12 else f"{named} and {len(labels) - 12} more"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
