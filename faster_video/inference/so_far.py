"""The answers of one video so far, clip by clip, until all clips are seen or it is known.

Shapes: K classes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from faster_video.inference.answers import Classification, ClipAnswer
from faster_video.inference.decoding import DecodedClip
from faster_video.inference.stopping import Watch

if TYPE_CHECKING:
    from faster_video.inference.classify import Classifier


@dataclass(slots=True)
class SoFar:
    """What is known of a video while its clips go through a classifier's networks, one after the other."""

    classifier: "Classifier"
    clips: list[ClipAnswer] = field(default_factory=list)
    is_known: bool = False
    """Whether the classifier's rule says that no more clips are needed."""
    seconds_decoding: float = 0.0
    seconds_model: float = 0.0
    video_seconds: float = 0.0
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(self.classifier.stop)

    @property
    def is_done(self) -> bool:
        """Whether this is the video's answer."""
        return self.is_known or len(self.clips) == self.classifier.cost.num_clips

    def add(self, clip: DecodedClip, probabilities: list[float], *, expensive: bool) -> ClipAnswer:
        """Note the probabilities [K] after the next clip, and which network has seen it."""
        labels = self.classifier.bundle.labels
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        before = self.clips[-1].gmacs if self.clips else 0.0
        answer = ClipAnswer(
            start_seconds=clip.start_seconds,
            end_seconds=clip.end_seconds,
            expensive=expensive,
            label=labels[best],
            probability=probabilities[best],
            probabilities=probabilities,
            gmacs=before + self.classifier.step_gmacs(expensive=expensive, first=not self.clips),
        )
        self.clips.append(answer)
        self.video_seconds = clip.video_seconds
        self.is_known = self._watch.is_known(answer.label, answer.probability)
        return answer

    def classification(self, path: Path, seconds: float) -> Classification:
        """The video's answer, which took so long."""
        cost = self.classifier.cost
        return Classification(
            path=path,
            classes=self.classifier.bundle.labels,
            pattern=self.classifier.model.chosen_by,
            clips=self.clips,
            num_clips=cost.num_clips,
            gmacs_all_expensive=cost.all_expensive_gmacs,
            video_seconds=self.video_seconds,
            seconds=seconds,
            seconds_decoding=self.seconds_decoding,
            seconds_model=self.seconds_model,
        )
