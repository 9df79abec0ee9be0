"""What a check says about a list: counts, faults and copies, worked out from the findings of its files."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from faster_video.datasets.checking.finding import Finding
from faster_video.datasets.video_list import Part, VideoList

DEFAULT_MIN_FRAMES = 16
"""One clip's span of the paper's recipe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedVideo:
    """One line of the list and what was found."""

    path: Path
    """As the list has it."""
    absolute: Path
    label: str
    size: int
    """Bytes of the file."""
    finding: Finding | None
    """None where there is no file."""

    @property
    def sound(self) -> Finding | None:
        """What the file holds, None where it is broken or missing."""
        return None if self.finding is None or self.finding.broken else self.finding

    @property
    def fault(self) -> str | None:
        """Why the video cannot be used."""
        return "missing: there is no such file" if self.finding is None else self.finding.broken

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"path": str(self.path), "label": self.label}


@dataclass(frozen=True, slots=True)
class Copies:
    """Lines of the list that lead to the same content, in its order."""

    videos: tuple[CheckedVideo, ...]

    @property
    def is_one_file(self) -> bool:
        """Whether it is one path listed again, as against one content in several files."""
        return len({video.absolute for video in self.videos}) == 1

    @property
    def contradicts(self) -> bool:
        """Whether the same content has different labels: at most one of them is right."""
        return len({video.label for video in self.videos}) > 1

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "what": "one path listed again" if self.is_one_file else "the same content in several files",
            "contradiction": self.contradicts,
            "videos": [video.as_dict() for video in self.videos],
        }


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """The outcome of a check. Numbers are of lines of the list: a video listed twice counts twice."""

    videos: list[CheckedVideo]
    """In the list's order."""
    min_frames: int
    num_cached: int
    """Files, each counted once, whose result an earlier check had found."""
    remarks: list[str]
    """What else the user should know, in sentences: what was wrong with the cache."""

    @cached_property
    def readable(self) -> list[CheckedVideo]:
        """Those of which every frame decodes; the too short ones too."""
        return [video for video in self.videos if video.sound]

    @cached_property
    def broken(self) -> list[CheckedVideo]:
        """Those that are there, but not to be used."""
        return [video for video in self.videos if video.finding is not None and video.finding.broken]

    @cached_property
    def missing(self) -> list[CheckedVideo]:
        """Those of which there is no file."""
        return [video for video in self.videos if video.finding is None]

    @cached_property
    def too_short(self) -> list[CheckedVideo]:
        """Readable ones of fewer than `min_frames` frames; training repeats their last frame."""
        return [video for video in self.videos if video.sound and video.sound.num_frames < self.min_frames]

    @cached_property
    def copies(self) -> list[Copies]:
        """Every content that the list has more than once."""
        groups: dict[object, list[CheckedVideo]] = {}
        for video in self.videos:
            sha256 = None if video.finding is None else video.finding.sha256
            groups.setdefault((video.size, sha256) if sha256 else video.absolute, []).append(video)
        return [Copies(tuple(group)) for group in groups.values() if len(group) > 1]

    @property
    def contradictions(self) -> list[Copies]:
        """Copies under different labels."""
        return [copies for copies in self.copies if copies.contradicts]

    @cached_property
    def fixed(self) -> list[CheckedVideo]:
        """The list without broken and missing videos and without second copies; the first copy keeps its label."""
        again = {id(video) for copies in self.copies for video in copies.videos[1:]}
        return [video for video in self.readable if id(video) not in again]

    def fixed_parts(self, parts: Mapping[Part, VideoList]) -> dict[Part, list[CheckedVideo]]:
        """`fixed` cut into the list's parts; what two of them have is left in the first."""
        waiting = {(video.path, video.label): video for video in self.fixed}
        return {
            part: [waiting.pop(key) for video in videos.videos if (key := (video.path, video.label)) in waiting]
            for part, videos in parts.items()
        }

    @property
    def seconds(self) -> float:
        """Of all readable videos together."""
        return sum(video.sound.seconds for video in self.readable if video.sound)

    @property
    def num_frames(self) -> int:
        """Of all readable videos together."""
        return sum(video.sound.num_frames for video in self.readable if video.sound)

    @property
    def num_bytes(self) -> int:
        """Of all readable videos' files together."""
        return sum(video.size for video in self.readable)

    def count(self, trait: Callable[[Finding], str]) -> Counter[str]:
        """How many readable videos have which codec or picture size, say; the most frequent first."""
        return Counter(dict(Counter(trait(video.sound) for video in self.readable if video.sound).most_common()))

    @cached_property
    def labels(self) -> dict[str, tuple[int, int]]:
        """Of each label, sorted: how many videos the list has of it, and how many of them are readable."""
        listed = Counter(video.label for video in self.videos)
        readable = Counter(video.label for video in self.readable)
        return {label: (listed[label], readable[label]) for label in sorted(listed)}

    def as_dict(self) -> dict[str, object]:
        """For JSON: all numbers, and every video that something is to be said about."""
        return {
            "num_videos": len(self.videos),
            "num_readable": len(self.readable),
            "num_broken": len(self.broken),
            "num_missing": len(self.missing),
            "num_too_short": len(self.too_short),
            "num_copies": sum(len(copies.videos) - 1 for copies in self.copies),
            "num_contradictions": len(self.contradictions),
            "num_from_cache": self.num_cached,
            "min_frames": self.min_frames,
            "hours": self.seconds / 3600,
            "num_frames": self.num_frames,
            "num_bytes": self.num_bytes,
            "codecs": dict(self.count(codec_of)),
            "picture_sizes": dict(self.count(size_of)),
            "labels": {label: {"videos": all_, "readable": good} for label, (all_, good) in self.labels.items()},
            "broken": [video.as_dict() | {"reason": video.fault} for video in self.broken],
            "missing": [video.as_dict() for video in self.missing],
            "too_short": [
                video.as_dict() | {"num_frames": video.sound.num_frames} for video in self.too_short if video.sound
            ],
            "copies": [copies.as_dict() for copies in self.copies],
            "remarks": self.remarks,
        }


def codec_of(finding: Finding) -> str:
    """FFmpeg's name."""
    return finding.codec


def size_of(finding: Finding) -> str:
    """Width times height in pixels, as people write it."""
    return f"{finding.width}×{finding.height}"
