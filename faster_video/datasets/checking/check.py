"""The whole check: which files must be looked into, by whom, and what that says about the list."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from faster_video.children import usable_cores
from faster_video.config import require_at_least
from faster_video.datasets.checking.cache import CheckCache, FileStamp
from faster_video.datasets.checking.finding import Errand, Finding, look_into
from faster_video.datasets.checking.report import DEFAULT_MIN_FRAMES, CheckedVideo, CheckReport
from faster_video.datasets.checking.workers import Lost, in_workers
from faster_video.datasets.lists import LabelledVideo
from faster_video.errors import ConfigError
from faster_video.files import cache_folder

BASE_LIMIT_SECONDS = 300.0
"""For decoding any one file; hundreds of times what a ten-second clip takes."""
LIMIT_SECONDS_PER_MEGABYTE = 10.0
"""On top of it for every 10⁶ bytes: real files take a tenth of a second to one second."""


def check_videos(
    videos: Sequence[LabelledVideo],
    *,
    min_frames: int = DEFAULT_MIN_FRAMES,
    workers: int = -1,
    fresh: bool = False,
    show: Callable[[int], None] | None = None,
) -> CheckReport:
    """Decode every frame of every video of a list and say what is wrong with which.

    `workers` processes (-1: one per core) decode a file each, with one thread; one that crashes, is killed or hangs
    costs the file it was at. Results are kept in the user's cache folder as they come, and files that have not changed
    since are not decoded again unless `fresh`. `show` is called with the number of files done since its last call,
    each file of the list counted once. A script must call this under `if __name__ == "__main__":`.

    Raises:
        ConfigError: `min_frames` or `workers` is out of range.
        WorkerError: no process can be started.
    """
    require_at_least("min_frames", min_frames, 1)
    if workers != -1 and workers < 1:
        raise ConfigError(f"workers is {workers}; it must be at least 1, or -1 for one per core")
    show = show or (lambda _: None)
    absolute = {video.path: Path(os.path.abspath(video.path)) for video in videos}  # noqa: PTH100 - links stay
    stamps = {path: stamp for path in dict.fromkeys(absolute.values()) if (stamp := _stamp(path))}
    show(len(set(absolute.values())) - len(stamps))  # the missing ones
    cache = CheckCache(cache_folder())
    try:
        known, errands = _sort_out(stamps, cache, fresh=fresh)
        num_cached = len(known)
        show(num_cached)
        count = usable_cores() if workers < 0 else workers
        for stamp, finding in _look_into_all(errands, stamps, count):
            known[stamp.path] = finding
            cache.put(stamp, finding)
            show(1)
    finally:
        cache.close()
    checked = [
        CheckedVideo(
            path=video.path,
            label=video.label,
            absolute=absolute[video.path],
            size=stamps[absolute[video.path]].size if absolute[video.path] in stamps else 0,
            finding=known.get(absolute[video.path]),
        )
        for video in videos
    ]
    return CheckReport(videos=checked, min_frames=min_frames, num_cached=num_cached, remarks=cache.remarks)


def _stamp(path: Path) -> FileStamp | None:
    """None where there is no such file; one that must not be looked at is there, and broken."""
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return FileStamp(path, 0, 0)
    return FileStamp(path, state.st_size, state.st_mtime_ns)


def _sort_out(
    stamps: dict[Path, FileStamp], cache: CheckCache, *, fresh: bool
) -> tuple[dict[Path, Finding], list[Errand]]:
    """What is known already, and the files to look into; those whose size is another's too are hashed."""
    sizes = Counter(stamp.size for stamp in stamps.values())
    known, errands = {}, []
    for path, stamp in stamps.items():
        with_hash = sizes[stamp.size] > 1 and stamp.size > 0
        finding = None if fresh else cache.get(stamp, with_hash=with_hash)
        if finding is not None:
            known[path] = finding
        else:
            errands.append(Errand(path, with_hash))
    return known, errands


def _look_into_all(
    errands: list[Errand], stamps: dict[Path, FileStamp], workers: int
) -> Iterator[tuple[FileStamp, Finding]]:
    limits = [BASE_LIMIT_SECONDS + LIMIT_SECONDS_PER_MEGABYTE * stamps[one.path].size / 1e6 for one in errands]
    with closing(in_workers(look_into, errands, workers=workers, limits=limits)) as results:
        for number, result in results:
            finding = Finding(broken=result.reason, lasting=False) if isinstance(result, Lost) else result
            yield stamps[errands[number].path], finding
