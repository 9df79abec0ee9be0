"""Sources through a classifier into a folder of predictions, in this process."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from faster_video.errors import DecodeError
from faster_video.files import printable
from faster_video.inference import Classification, Classifier, Failure
from faster_video.inference.ahead import ahead
from faster_video.predictions.fetch import Fetched, fetch
from faster_video.predictions.folder import PredictionFolder
from faster_video.predictions.rows import row_of, table_of
from faster_video.predictions.sources import Source
from faster_video.predictions.work import Work

FETCHED_AHEAD = 1
"""Files that are fetched before `classify_many` asks for them, at most."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    """Videos of this run that have a row."""
    total: int
    """Videos that this run has to do."""
    failed: int
    """Of the rows in the folder, those that are errors."""


def predict_here(
    work: Work,
    sources: Sequence[Source],
    folder: PredictionFolder,
    *,
    processes: int | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Classify what the folder does not hold yet; `processes` are as of `Classifier.classify_many`, None chooses.

    Raises:
        ConfigError, EngineError, DataError: as `Classifier` and `classify_many`.
        OSError: nothing can be written any more.
    """
    todo = [source for source in sources if source.name not in folder.done]
    if not todo:
        return
    classifier = work.classifier()
    chosen = classifier.processes_for(len(todo)) if processes is None else processes
    for done, (source, result) in enumerate(classified(classifier, todo, chosen), start=1):
        folder.add(table_of([row_of(source.name, result, work.top)]))
        show(Progress(done, len(todo), folder.failed))


def classified(
    classifier: Classifier, sources: Sequence[Source], processes: int = 1
) -> Iterator[tuple[Source, Classification | Failure]]:
    """Each source with its result, in order; what is at an address is fetched while others are computed.

    On the disk are as many fetched files as `classify_many` has in hand (in one process two, three of videos of two or
    three clips, five of one; in several processes four for each; on a GPU one for each core), one that waits and one
    that comes.
    """
    waiting: deque[Fetched | None] = deque()  # of the paths that were handed out, in order

    def paths() -> Iterator[Path | Failure]:
        with closing(_fetched(sources)) as found:  # type: ignore[type-var]
            for fetched in found:
                waiting.append(fetched if isinstance(fetched, Fetched) else None)
                yield fetched.path if isinstance(fetched, Fetched) else fetched

    results = classifier.classify_many(paths(), processes)
    try:
        for source, result in zip(sources, results, strict=True):
            _close(waiting.popleft())
            yield source, result
    finally:
        results.close()  # type: ignore[attr-defined]  # and with it the thread that decodes
        for file in waiting:
            _close(file)


def _close(file: Fetched | None) -> None:
    if file is not None:
        file.close()


def _fetched(sources: Sequence[Source]) -> Iterator[Fetched | Path | Failure]:
    """What is to be decoded for each source: a path, a fetched file, or why there is none."""
    opened = (_opened(source) for source in sources)
    return ahead(opened, FETCHED_AHEAD) if any(source.is_address for source in sources) else opened


def _opened(source: Source) -> Fetched | Path | Failure:
    if source.error:
        return Failure(Path(source.place), source.error)
    if not source.is_address:
        return Path(source.place)
    try:
        return fetch(source.place)
    except DecodeError as error:
        return Failure(Path(source.place), str(error).removeprefix(f"{printable(source.place)}: "))
