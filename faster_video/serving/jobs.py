"""Files of users on their way through decoding and networks: so many at once, so many that wait, and no more.

Shapes: K classes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from threading import Event, Lock
from time import perf_counter

from faster_video.errors import DecodeError
from faster_video.inference import Classification, Classifier, ClipAnswer, Failure
from faster_video.inference.decoding import ClipPictures
from faster_video.inference.so_far import SoFar
from faster_video.inference.stopping import Wanted
from faster_video.model import State
from faster_video.serving.config import ServeConfig
from faster_video.serving.decoders import DecodePool
from faster_video.serving.shared_model import SharedModel

USUAL_SECONDS = 2.0
"""Of a file, before one was classified."""
SHARE_OF_NEW = 0.2
"""With which a file's time goes into the running mean."""


class BusyError(Exception):
    """As many files wait as may."""

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(f"as many videos wait as may; try again in {retry_seconds} seconds")
        self.retry_seconds = retry_seconds


class Waiting:
    """Counts the files that are worked on or wait for that."""

    def __init__(self, config: ServeConfig) -> None:
        self._at_once, self._most = config.at_once, config.at_once + config.queue
        self._seconds = USUAL_SECONDS
        self._lock = Lock()
        self.count = 0
        """Files now."""

    def require_place(self) -> None:
        """Raise `BusyError` where there is none, so that nothing is sent in vain."""
        if self.count >= self._most:
            raise BusyError(self.retry_seconds)

    @contextmanager
    def place(self) -> Iterator[None]:
        """For one file. Raises `BusyError` where there is none."""
        with self._lock:
            self.require_place()
            self.count += 1
        try:
            yield
        finally:
            with self._lock:
                self.count -= 1

    @property
    def retry_seconds(self) -> int:
        """When a place may be free again."""
        return max(1, ceil(self._seconds))

    def done(self, seconds: float) -> None:
        """Note how long a file took."""
        self._seconds += SHARE_OF_NEW * (seconds - self._seconds)


@dataclass(frozen=True, slots=True)
class Job:
    """A file to classify for somebody who may stop waiting."""

    path: Path
    name: str
    """As the user calls it."""
    on_clip: Callable[[ClipAnswer, float], None]
    """Hears of every answer, and of the video's length in seconds, in the thread that works."""
    unwanted: Event = field(default_factory=Event)
    """Set when nobody waits for it any longer."""


class Jobs:
    """Classifies files in threads that share one model and a pool of decoding processes."""

    def __init__(self, classifier: Classifier, model: SharedModel, config: ServeConfig) -> None:
        self.classifier, self._model = classifier, model
        bundle = classifier.bundle.config
        self.pool = DecodePool(bundle.clips, bundle.transform, config)
        self.waiting = Waiting(config)
        self._threads = ThreadPoolExecutor(config.at_once, thread_name_prefix="job")

    def submit(self, job: Job) -> "Future[Classification | Failure | None]":
        """The answer, or why there is none, as soon as it is known; None where it was not waited for."""
        return self._threads.submit(self._run, job)

    def close(self) -> None:
        """End all processes; files that are being worked on fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.pool.close()

    def _run(self, job: Job) -> Classification | Failure | None:
        if job.unwanted.is_set():
            return None
        began = perf_counter()
        try:
            with (
                self.pool.process() as process,
                closing(process.clips_of(job.path, lambda: not job.unwanted.is_set())) as clips,  # type: ignore[type-var]
            ):
                result = self._classified(job, clips, began)
        except DecodeError as error:
            return Failure(Path(job.name), str(error))
        self.waiting.done(perf_counter() - began)
        return result

    def _classified(self, job: Job, clips: Iterator[ClipPictures], began: float) -> Classification | None:
        """All clips through the model, or as many as are needed; None where nobody waits any longer."""
        decoder, video = self.classifier.decoder, SoFar(self.classifier)
        state: State | None = None
        asking = perf_counter()
        for clip in clips:
            computing = perf_counter()
            video.seconds_decoding += computing - asking
            if job.unwanted.is_set():
                return None
            decoded = decoder.decoded(job.path, clip, computing, Wanted())
            log_probabilities, expensive, state = self._model.step(decoder.on_device(decoded.pixels), state)
            probabilities = self.classifier.probabilities(log_probabilities[0].cpu())
            answer = video.add(decoded, probabilities, expensive=expensive)
            decoder.give_back(decoded)
            asking = perf_counter()
            video.seconds_model += asking - computing
            job.on_clip(answer, video.video_seconds)
            if video.is_known:
                break
        return video.classification(Path(job.name), perf_counter() - began)
