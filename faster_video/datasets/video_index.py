"""Where the videos of an official list lie: one walk through a folder, then any number of questions by name."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from faster_video.datasets.video_list import LabelledVideo, is_video_name


class VideoIndex:
    """The videos below a folder by their names without suffix, from one walk.

    `enter` says, by a folder's name, whether it is looked into; None looks into all that are not hidden.
    Links to folders are followed, each folder once.
    """

    def __init__(self, root: Path, enter: Callable[[str], bool] | None = None) -> None:
        self.root = root
        self._folders: dict[str, list[tuple[str, str]]] = {}  # stem → (folder, suffix) of every file that has it
        for folder, name in _files_below(root, enter or (lambda _: True)):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 - many names
            self._folders.setdefault(stem, []).append((folder, suffix))

    def __contains__(self, stem: str) -> bool:
        return stem in self._folders

    def find(self, stem: str, *, suffix: str = "", folders: Collection[str] = ()) -> Path | None:
        """The file of this name with any video's suffix; None if there is none.

        Of several, the one with the `suffix` asked for, then the one that lies in most of the `folders` of these
        names, then the first in sorted order.
        """
        found = self._folders.get(stem)
        if found is None:
            return None
        if len(found) > 1:
            keys = {folder_key(name) for name in folders}
            found = sorted(found, key=lambda file: (file[1].lower() != suffix.lower(), -_shared(file[0], keys), file))
        return Path(found[0][0], stem + found[0][1])


def index_beside(
    folder: Path, names: Sequence[str], stems: Collection[str], enter: Callable[[str], bool]
) -> VideoIndex:
    """The index of the first place that holds any of the videos `stems`; where none does, of the list's `folder`.

    Places are the folder, the sub-folders of these `names`, its parent, and those in the parent; each is looked into
    no deeper than `enter` allows, so that nothing else nearby is searched.
    """
    parent = folder.parent if folder.name not in ("", os.pardir) else folder.resolve().parent
    places = (place for base in (folder, parent) for place in (base, *(base / name for name in names)))
    indices = (VideoIndex(place, enter) for place in places)
    found = next((index for index in indices if any(stem in index for stem in stems)), None)
    return found or VideoIndex(folder, lambda _: False)


def place_in_classes(
    named: Sequence[tuple[str, str]], folder: Path, root: Path | None, beside: Sequence[str]
) -> tuple[list[LabelledVideo], Path]:
    """The videos of (label, file name) pairs in class folders or flat, and the folder under which they were looked for.

    That is `root`, or the first of the places beside the list's `folder` that holds any. A video that is nowhere stands
    where it should be, in its class folder.
    """
    split = [(label, *os.path.splitext(name)) for label, name in named]  # noqa: PTH122 - many names
    classes = {folder_key(label) for label in {label for label, _ in named}}
    if root is None:
        stems = {stem for _, stem, _ in split}
        index = index_beside(folder, beside, stems, lambda name: folder_key(name) in classes)
    else:
        index = VideoIndex(root)
    videos = []
    for label, stem, suffix in split:
        found = index.find(stem, suffix=suffix, folders=[label])
        if found is None or folder_key(found.parent.name) in classes - {folder_key(label)}:  # another class's namesake
            found = index.root / label / f"{stem}{suffix}"
        videos.append(LabelledVideo(found, label))
    return videos, index.root


@lru_cache(maxsize=4096)
def folder_key(name: str) -> str:
    """A class folder's name as it is compared: `Riding_a_bike`, `riding a bike` and `riding-a-bike` are one."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _shared(folder: str, keys: Collection[str]) -> int:
    return sum(folder_key(part) in keys for part in Path(folder).parts)


def _files_below(root: Path, enter: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Folder and name of every video; what cannot be looked into holds none."""
    waiting, seen = [os.fspath(root)], set()
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 - text all along, for there are many
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            inner = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir():
                        if not entry.name.startswith(".") and enter(entry.name):
                            inner.append(entry.path)
                    elif is_video_name(entry.name):
                        yield folder, entry.name
            waiting += sorted(inner, reverse=True)
        except OSError:
            continue
