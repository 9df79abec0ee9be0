"""Made-up videos laid out as the official sets are distributed, with their oddities: one tree for each form of LIST."""

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faster_video.datasets import LabelledVideo, read_list
from faster_video.video import VideoReader, write_video


@dataclass(frozen=True, slots=True)
class Tree:
    """What a user would give to `train` and `evaluate`."""

    data: Path
    validation: Path
    root: Path | None = None


def write_ucf101(base: Path, train: list[LabelledVideo], test: list[LabelledVideo]) -> Tree:
    """CRLF, class numbers in the training lists only, real AVI files; each split tests on another third."""
    labels = sorted({video.label for video in train})
    folder = base / "ucfTrainTestlist"
    folder.mkdir()
    lists: dict[str, list[str]] = {f"{part}list0{split}.txt": [] for split in (1, 2, 3) for part in ("train", "test")}
    for number, label in enumerate(labels, start=1):
        (base / "UCF-101" / label).mkdir(parents=True)
        for third, video in enumerate((video for video in [*test, *train] if video.label == label), start=1):
            name = f"{label}/v_{label}_g{third:02d}_c01.avi"
            _write_avi(base / "UCF-101" / name, video.path)
            for split in (1, 2, 3):
                is_test = split == third
                line = f"{name}\r\n" if is_test else f"{name} {number}\r\n"
                lists[f"{'test' if is_test else 'train'}list0{split}.txt"].append(line)
    lists["classInd.txt"] = [f"{number} {label}\r\n" for number, label in enumerate(labels, start=1)]
    for file_name, lines in lists.items():
        (folder / file_name).write_bytes("".join(lines).encode())
    return Tree(folder, folder)


def _write_avi(path: Path, source: Path) -> None:
    with VideoReader(source) as reader:
        frames = reader.frames(range(reader.info.num_frames)).data
    write_video(path, list(frames), 25, codec="mpeg4", crf=None)


def write_hmdb51(base: Path, train: list[LabelledVideo], test: list[LabelledVideo]) -> Tree:
    """Trailing blanks, odd names, videos that the split does not use; the AVI names hold MP4."""
    folder = base / "testTrainMulti_7030_splits"
    folder.mkdir()
    for label in sorted({video.label for video in train}):
        lines = ["unused_[0]&.avi 0 "]
        (base / "hmdb51_org" / label).mkdir(parents=True)
        for number, videos in ((1, train), (2, test)):
            for place, video in enumerate(video for video in videos if video.label == label):
                name = f"#{place}_[x]&;!_{label}_{number}_f_cm_np1_ba_med_0.avi"
                shutil.copy(video.path, base / "hmdb51_org" / label / name)
                lines.append(f"{name} {number} ")
        (folder / f"{label}_test_split1.txt").write_text("\n".join(lines) + "\n")
    return Tree(folder, folder / f"{train[0].label}_test_split1.txt")


def write_kinetics(base: Path, train: list[LabelledVideo], test: list[LabelledVideo]) -> Tree:
    """Quoted labels with blanks and commas, `is_cc`, ids that begin with `-` and `_`, class folders, missing videos."""
    (base / "lists").mkdir()
    trees = {}
    for split, videos in {"train": train, "validate": test}.items():
        rows = [["ever so, missing", "-notthere00", 0, 10, split, 0]] if split == "train" else []
        for number, video in enumerate(videos):
            label = f"moving, {video.label.replace('-', ' ')}"
            stem = f"{'-_'[number % 2]}{split[:5]}{number:05d}_{number:06d}_{number + 10:06d}"
            folder = base / "k400" / split / label.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(video.path, folder / f"{stem}.mp4")
            rows.append([label, stem[:-14], number, number + 10, split, 0])
        trees[split] = base / "lists" / f"{split}.csv"
        with trees[split].open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow(["label", "youtube_id", "time_start", "time_end", "split", "is_cc"])
            writer.writerows(rows)
    return Tree(trees["train"], trees["validate"], root=base / "k400")


def write_spaced(base: Path, train: list[LabelledVideo], test: list[LabelledVideo]) -> Tree:
    """`path label` with numbers for labels and blanks in paths, below a root; one video is missing."""
    labels = sorted({video.label for video in train})
    for name, videos in {"train": train, "val": test}.items():
        lines = [f"{name}/not there.mp4 0"]
        for number, video in enumerate(videos):
            path = base / "disk" / name / f"video no {number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(video.path, path)
            lines.append(f"{path.relative_to(base / 'disk')} {labels.index(video.label)}")
        (base / f"{name}.txt").write_bytes("\r\n".join(lines).encode())
    return Tree(base / "train.txt", base / "val.txt", root=base / "disk")


def write_folders(base: Path, train: list[LabelledVideo], test: list[LabelledVideo]) -> Tree:
    """A folder of class folders for each part."""
    for name, videos in {"train": train, "val": test}.items():
        for video in videos:
            (base / name / video.label).mkdir(parents=True, exist_ok=True)
            shutil.copy(video.path, base / name / video.label)
    return Tree(base / "train", base / "val")


TREES: dict[str, Callable[[Path, list[LabelledVideo], list[LabelledVideo]], Tree]] = {
    "UCF-101": write_ucf101,
    "HMDB-51": write_hmdb51,
    "Kinetics": write_kinetics,
    "path label": write_spaced,
    "class folders": write_folders,
}


def write_tree(kind: str, base: Path, motion_set: Path) -> Tree:
    """The made-up set in one of the official forms."""
    base.mkdir(parents=True)
    train, test = (list(read_list(motion_set / f"{name}.csv").videos) for name in ("train", "test"))
    return TREES[kind](base, train, test)
