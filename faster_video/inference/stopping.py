"""When a video is known well enough, and how the thread that decodes it hears of that."""

from dataclasses import dataclass

from faster_video.policy import StopRule


@dataclass(slots=True)
class Wanted:
    """Whether more clips of a file are wanted; shared by the one that decodes it and the one that answers."""

    more: bool = True


class Watch:
    """Looks at the answers of one video, clip by clip."""

    def __init__(self, rule: StopRule | None) -> None:
        self._rule = rule
        self._label = ""
        self._held = 0

    def is_known(self, label: str, probability: float) -> bool:
        """Whether the video is known with this answer: its label has been sure for as long as the rule asks."""
        if self._rule is None:
            return False
        sure = probability >= self._rule.confidence
        self._held = (self._held + 1 if label == self._label else 1) if sure else 0
        self._label = label
        return self._held >= self._rule.clips
