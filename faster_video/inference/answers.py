"""What is known about a video once it is classified: values only, nothing here computes a network.

Shapes: N clips of a video, K classes.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from faster_video.inference.stopping import Wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipAnswer:
    """The answer for the video so far, once one more clip of it is known."""

    start_seconds: float
    """When the clip's first frame is shown."""
    end_seconds: float
    """When the clip's last frame is over; at most the video's length."""
    expensive: bool
    """Which network saw the clip."""
    label: str
    """The most probable label after this clip."""
    probability: float
    """Of that label."""
    probabilities: list[float]
    """Of every label [K], in the bundle's order."""
    gmacs: float
    """Spent on the video up to and including this clip."""

    def as_dict(self) -> dict[str, object]:
        """For JSON, without the K probabilities."""
        values = asdict(self)
        del values["probabilities"]
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """One video's answer and how it came about."""

    path: Path
    classes: list[str]
    """The K labels in the bundle's order, that of each clip's `probabilities`."""
    pattern: str
    """Which clips were expensive: `E:C`, `first`, or `gate` and its threshold."""
    clips: list[ClipAnswer]
    """One per clip that was looked at, in time order; at least one."""
    num_clips: int
    """That it would have been, had the video not been known before."""
    gmacs_all_expensive: float
    """What all `num_clips` cost with the expensive network and its own classifier on each of them."""
    video_seconds: float
    """Length of the video."""
    seconds: float
    """Wall time to the last answer: from the call on, or from the result of the file before on."""
    seconds_decoding: float
    """What reading frames, resizing and normalising them took, for the most part beside the networks."""
    seconds_model: float
    """What the networks took."""

    @property
    def labels(self) -> list[tuple[str, float]]:
        """All K labels with their probabilities, the most probable first."""
        ranked = zip(self.classes, self.clips[-1].probabilities, strict=True)
        return sorted(ranked, key=lambda pair: -pair[1])

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.clips[-1].label

    @property
    def probability(self) -> float:
        """Of the most probable label."""
        return self.clips[-1].probability

    @property
    def gmacs(self) -> float:
        """Spent on the whole video."""
        return self.clips[-1].gmacs

    def as_dict(self, top: int) -> dict[str, object]:
        """For JSON, with the `top` most probable labels."""
        return {
            "path": str(self.path),
            "labels": [{"label": name, "probability": share} for name, share in self.labels[:top]],
            "pattern": self.pattern,
            "num_clips": self.num_clips,
            "clips": [clip.as_dict() for clip in self.clips],
            "gmacs": self.gmacs,
            "gmacs_all_expensive": self.gmacs_all_expensive,
            "video_seconds": self.video_seconds,
            "seconds": self.seconds,
            "seconds_decoding": self.seconds_decoding,
            "seconds_model": self.seconds_model,
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read as video."""

    path: Path
    reason: str
    """Why, in one sentence without the file's name."""
    wanted: Wanted = field(default_factory=Wanted, repr=False, compare=False)
    """Whether anybody still wants to know: not where the file was answered before the part that cannot be read."""

    def as_dict(self) -> dict[str, object]:
        """For JSON; `error` is what a `Classification` does not have."""
        return {"path": str(self.path), "error": self.reason}
