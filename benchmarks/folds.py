"""Splits for Table 8 of a real set that has one only: neighbours stay together (but at the cuts), each is tested once.

    python benchmarks/folds.py FOLDER OUT [--splits 3]

The first number in a file's name is its sequence, as in `hug/seq08_047.avi` (8) or `calm/111.mp4` (111). The sequences
in order are cut into as many stretches; split k tests the k-th and learns from the others. Writes `train-1.csv`,
`test-1.csv` … for `faster-video reproduce table8 --data 'OUT/train-{split}.csv' --test 'OUT/test-{split}.csv'`.
"""

import argparse
import csv
import re
from pathlib import Path

from faster_video.datasets import read_list
from faster_video.datasets.video_list import LabelledVideo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with train.csv and test.csv of path,label")
    parser.add_argument("out", type=Path)
    parser.add_argument("--splits", type=int, default=3)
    options = parser.parse_args()
    videos = [*read_list(options.folder / "train.csv").videos, *read_list(options.folder / "test.csv").videos]
    sequences = sorted({sequence(video) for video in videos})
    if not 2 <= options.splits <= len(sequences):
        raise SystemExit(f"--splits is {options.splits}; {len(sequences)} sequences make 2 to {len(sequences)} splits")
    options.out.mkdir(parents=True, exist_ok=True)
    for split in range(options.splits):
        begin, end = (len(sequences) * place // options.splits for place in (split, split + 1))
        tested = set(sequences[begin:end])
        for part in ("train", "test"):
            chosen = [video for video in videos if (sequence(video) in tested) == (part == "test")]
            write(options.out / f"{part}-{split + 1}.csv", chosen)
            print(f"split {split + 1}, {part}: {len(chosen)} videos")


def sequence(video: LabelledVideo) -> int:
    number = re.search(r"\d+", video.path.name)
    if number is None:
        raise SystemExit(f"{video.path}: has no number in its name; give a set whose files are numbered")
    return int(number.group())


def write(path: Path, videos: list[LabelledVideo]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label"])
        table.writerows((video.path.absolute(), video.label) for video in videos)


if __name__ == "__main__":
    main()
