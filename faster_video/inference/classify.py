"""A video file in, its label out, with the answer after every clip on the way.

Shapes: B = 1 video, C colours, T frames of a clip, S side of the crop, K classes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from faster_video.bundle import Bundle, load_bundle
from faster_video.clips import clip_frames, clip_starts, normalize, test_clip
from faster_video.cost import VideoCost, video_cost
from faster_video.device import choose_device
from faster_video.errors import ConfigError, DecodeError
from faster_video.files import printable
from faster_video.inference.answers import Classification, ClipAnswer, Failure
from faster_video.inference.engine import AUTO, on_engine
from faster_video.model import State
from faster_video.video import Frames, VideoInfo, VideoReader

DEFAULT_BUNDLE = Path(__file__).parent.parent / "default"
"""The trained bundle that comes with the package."""


class Stopwatch:
    """Adds up the wall time spent inside `running`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time until the block ends."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - began


class Classifier:
    """A bundle ready to run on one device. It takes over the bundle's model and moves it there."""

    def __init__(self, bundle: Bundle, device: str = "auto", engine: str = AUTO) -> None:
        """Take the bundle.

        Raises:
            ConfigError: it sees feature maps made elsewhere and no videos, or there is no such device or engine here.
            EngineError: the engine does not work on this machine.
        """
        if bundle.config.model.takes_features:
            raise ConfigError(
                "this bundle was trained on features that another model made, so it cannot look at videos; "
                "faster-video evaluate BUNDLE FOLDER judges it on a folder of such features"
            )
        self.bundle = bundle
        self.device = choose_device(device)
        self.model, self.engine = on_engine(bundle.model.eval().to(self.device), engine, self.device)

    @property
    def cost(self) -> VideoCost:
        """GMACs of a video, clip by clip."""
        config = self.bundle.config
        return video_cost(config.model, config.clips, config.transform.crop_size, len(config.labels))

    def classify(self, path: str | Path) -> Classification:
        """The labels of the video in `path`, and the answer after every clip.

        Raises:
            DecodeError: the file cannot be read as video; the message starts with its name.
        """
        decoding, computing = Stopwatch(), Stopwatch()
        began, cost = perf_counter(), self.cost
        with decoding.running():
            reader = VideoReader(path)
        with reader as video:
            clips = list(self._answers(video, cost, decoding, computing))
            return Classification(
                path=Path(path),
                classes=self.bundle.labels,
                pattern=str(cost.pattern),
                clips=clips,
                gmacs_all_expensive=cost.all_expensive_gmacs,
                video_seconds=video.info.seconds,
                seconds=perf_counter() - began,
                seconds_decoding=decoding.seconds,
                seconds_model=computing.seconds,
            )

    def _answers(
        self, video: VideoReader, cost: VideoCost, decoding: Stopwatch, computing: Stopwatch
    ) -> Iterator[ClipAnswer]:
        """One answer per clip, each as soon as its clip has been decoded."""
        state: State | None = None
        clips = video.clips(self.wanted_frames(video.info.num_frames))
        for number, gmacs in enumerate(cost.gmacs_after_each_clip):
            with decoding.running():
                frames = next(clips)
                clip = self.prepare(frames)
            with computing.running(), torch.inference_mode():
                log_probabilities, state = self.model.step(clip, state)
                probabilities: list[float] = log_probabilities[0].double().softmax(dim=0).tolist()
            best = max(range(len(probabilities)), key=probabilities.__getitem__)
            yield ClipAnswer(
                start_seconds=float(frames.seconds[0]),
                end_seconds=end_seconds(frames, video.info),
                expensive=cost.pattern.is_expensive(number),
                label=self.bundle.labels[best],
                probability=probabilities[best],
                probabilities=probabilities,
                gmacs=gmacs,
            )

    def wanted_frames(self, num_frames: int) -> list[list[int]]:
        """Frame numbers of every clip, in time order (docs/protocol.md "Testing")."""
        clips = self.bundle.config.clips
        starts = clip_starts(num_frames, clips.num_clips, clips.span)
        return [clip_frames(start, clips.frames_per_clip, clips.frame_stride, num_frames) for start in starts]

    def prepare(self, frames: Frames) -> Tensor:
        """Decoded frames as the networks want them: float32 [B, C, T, S, S] on this classifier's device."""
        transform = self.bundle.config.transform
        pixels = test_clip(frames.data, transform)  # uint8 [C, T, S, S]
        clip = normalize(pixels.to(self.device), transform)[None]  # [B, C, T, S, S]
        if self.device.type == "cpu":
            clip = clip.contiguous(memory_format=torch.channels_last_3d)
        return clip


def end_seconds(frames: Frames, info: VideoInfo) -> float:
    """When the last frame is over; the file says how long the video is, not how long each frame is."""
    return min(float(frames.seconds[-1]) + float(1 / info.fps), info.seconds)


def load(
    bundle: str | Path | None = None, *, pattern: str | None = None, device: str = "auto", engine: str = AUTO
) -> Classifier:
    """A classifier from a bundle folder; None takes the bundle that comes with the package.

    `pattern` (`E:C` or `first`) replaces the one that the bundle was trained with; `engine` (auto, eager, native) runs
    the clip networks.

    Raises:
        BundleError: the folder is not a usable bundle.
        ConfigError: the pattern is not one, or the device or the engine does not exist here.
        EngineError: the engine does not work on this machine.
    """
    loaded = load_bundle(DEFAULT_BUNDLE if bundle is None else bundle)
    if pattern is not None:
        loaded = loaded.with_pattern(pattern)
    return Classifier(loaded, device, engine)


def classify_many(classifier: Classifier, paths: Iterable[Path | Failure]) -> Iterator[Classification | Failure]:
    """One result per path, each as soon as it is known; a file that cannot be read becomes a `Failure`.

    A `Failure` among the paths, as `find_videos` has for a folder without videos, is passed on in its turn.
    """
    for path in paths:
        if isinstance(path, Failure):
            yield path
            continue
        try:
            yield classifier.classify(path)
        except DecodeError as error:
            yield Failure(path, str(error).removeprefix(f"{printable(path)}: "))
