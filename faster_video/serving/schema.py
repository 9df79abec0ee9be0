"""What requests and responses hold, as the OpenAPI page shows it; pydantic checks it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from faster_video.inference import Classification, ClipAnswer
from faster_video.streaming import StreamAnswer, StreamConfig

MOST_PICTURE_SIDE = 16384
MOST_TOP = 1000


class LabelShare(BaseModel):
    """A label and how probable it is."""

    label: str
    probability: float


class Clip(BaseModel):
    """The answer for a video so far, once one more clip of it is known."""

    start_seconds: float = Field(description="when the clip's first frame is shown")
    end_seconds: float = Field(description="when its last frame is over")
    expensive: bool = Field(description="which network saw the clip")
    label: str = Field(description="the most probable label so far")
    probability: float
    gmacs: float = Field(description="billions of multiply-adds spent on the video so far")
    labels: list[LabelShare] = Field(description="the most probable ones so far")

    @staticmethod
    def of(answer: ClipAnswer, classes: list[str], top: int) -> "Clip":
        """With the `top` most probable of the K `classes`."""
        return Clip(**answer.as_dict(), labels=most_probable(classes, answer.probabilities, top))  # type: ignore[arg-type]


class Answer(BaseModel):
    """The answer for a video, and how it came about."""

    path: str = Field(description="the name that was given")
    labels: list[LabelShare] = Field(description="the most probable ones")
    pattern: str = Field(description="which clips were expensive: E:C, first, or gate and its threshold")
    num_clips: int = Field(description="that the video would have had, had it not been known before")
    clips: list[Clip]
    gmacs: float = Field(description="billions of multiply-adds spent")
    gmacs_all_expensive: float = Field(description="what all clips would have cost with the expensive network")
    video_seconds: float = Field(description="length of the video")
    seconds: float = Field(description="that the work took")
    seconds_decoding: float
    seconds_model: float

    @staticmethod
    def of(result: Classification, top: int) -> "Answer":
        """With the `top` most probable labels, after every clip too."""
        clips = [Clip.of(clip, result.classes, top) for clip in result.clips]
        return Answer.model_validate(result.as_dict(top) | {"clips": clips})


class Limits(BaseModel):
    """What the server takes at most."""

    upload_bytes: int
    video_seconds: float
    streams: int


class Info(BaseModel):
    """What the server runs."""

    name: str = "faster_video"
    version: str
    bundle: str
    num_labels: int
    pattern: str
    num_clips: int
    frames_per_clip: int
    gmacs: float = Field(description="of a video, in billions of multiply-adds")
    gmacs_all_expensive: float
    needs_token: bool
    takes_paths: bool
    limits: Limits


class Detail(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="one sentence: what is wrong, what is allowed")


FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "the video"},
                        "path": {
                            "type": "string",
                            "description": "instead of file, where the operator allows it: below the server's folder",
                        },
                    },
                }
            }
        },
    }
}
REFUSALS: dict[int | str, dict[str, object]] = {
    400: {"model": Detail, "description": "the form is none that is taken"},
    401: {"model": Detail, "description": "the token is missing or wrong"},
    403: {"model": Detail, "description": "no paths are taken, or a page of another site asks"},
    404: {"model": Detail, "description": "there is no such file below the server's folder"},
    408: {"model": Detail, "description": "the upload was too slow"},
    413: {"model": Detail, "description": "the upload is too large"},
    422: {"model": Detail, "description": "the video cannot be decoded, is too long, or needs too much memory or time"},
    503: {"model": Detail, "description": "as many videos wait as may; Retry-After says how many seconds to wait"},
}


class StreamStart(BaseModel):
    """The first message of a stream."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: Literal["jpeg", "png", "webp", "rgb", "chunks"]
    fps: float = Field(default=25.0, gt=0, le=1000)
    timed: bool = False
    live: bool = False
    top: int = Field(default=5, ge=1, le=MOST_TOP)
    width: int | None = Field(default=None, ge=1, le=MOST_PICTURE_SIDE)
    height: int | None = Field(default=None, ge=1, le=MOST_PICTURE_SIDE)
    token: str | None = None
    every_seconds: float | None = None
    reset_seconds: float | None = None
    window_seconds: float | None = None
    cut_threshold: float | None = None
    smoothing: float = 0.5

    @property
    def config(self) -> StreamConfig:
        """How the stream is watched. Raises `ConfigError`."""
        return StreamConfig(
            every_seconds=self.every_seconds,
            reset_seconds=self.reset_seconds,
            window_seconds=self.window_seconds,
            cut_threshold=self.cut_threshold,
            smoothing=self.smoothing,
        )


def stream_answer(answer: StreamAnswer, classes: list[str], top: int) -> dict[str, object]:
    """A message about one more clip of a stream, with the `top` most probable of the K `classes`."""
    labels = [share.model_dump() for share in most_probable(classes, answer.probabilities, top)]
    return {"type": "answer", **answer.as_dict(), "labels": labels}


def most_probable(classes: list[str], probabilities: list[float], top: int) -> list[LabelShare]:
    """The `top` most probable of the K classes."""
    ranked = sorted(zip(classes, probabilities, strict=True), key=lambda pair: -pair[1])[:top]
    return [LabelShare(label=label, probability=probability) for label, probability in ranked]
