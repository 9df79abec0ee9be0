"""What a stream tells after every clip: values only."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamAnswer:
    """The answer once one more clip of a stream is known.

    Shapes: K classes.
    """

    number: int
    """Of the clip, from 0; those that were dropped have none."""
    start_seconds: float
    """When the clip's first frame is shown."""
    end_seconds: float
    """When its last frame is over."""
    covered_seconds: float
    """How much of the stream, up to `end_seconds`, the answer is about."""
    expensive: bool
    """Which network saw the clip."""
    label: str
    """The most probable label."""
    probability: float
    """Of that label."""
    smoothed_label: str
    """The most probable label by the smoothed probabilities."""
    smoothed_probability: float
    """Of that label."""
    probabilities: list[float]
    """Of every label [K], in the bundle's order."""
    gmacs: float
    """Spent on the stream so far."""
    latency_seconds: float
    """From the arrival of the clip's last frame to this answer: of a live source from when its packet was read, before
    it was decoded; of any other from when the frame was taken."""
    clips_dropped: int
    """Whole clips that were passed over so far, because they were late or lacked a frame that nobody took in time."""
    resets: int
    """How often the past was forgotten so far, at the end of its time or at a cut."""

    def as_dict(self) -> dict[str, object]:
        """For JSON, without the K probabilities."""
        values = asdict(self)
        del values["probabilities"]
        return values
