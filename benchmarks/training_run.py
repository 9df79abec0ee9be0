"""What does a training run do with its time and memory? Speed, share of time waiting for data, memory epoch by epoch.

    python benchmarks/training_run.py LIST OUT [any option of faster-video train]

Runs `faster-video train --data LIST --out OUT …` and reads, once a second, the memory of all its processes together
(proportional set size: a page that several share counts once; Linux only). Speeds come from the run's own log.csv.
"""

import csv
import subprocess
import sys
import time
from pathlib import Path

from faster_video.training.report import StageLog, read_log


def main() -> None:
    source, out, options = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    program = "import sys; from faster_video.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "train", "--data", source, "--out", str(out), *options]
    print("faster-video", *command[3:])
    began = time.monotonic()
    memory: list[tuple[str, int, float]] = []
    with subprocess.Popen(command) as run:
        while run.poll() is None:
            memory.append((*where(out), mebibytes(run.pid)))
            time.sleep(1)
    print(f"exit code {run.returncode} after {time.monotonic() - began:.0f} s")
    if run.returncode:
        sys.exit(run.returncode)
    for stage in read_log(out):
        print_stage(stage, [(epoch, size) for name, epoch, size in memory if name == stage.stage])


def print_stage(stage: StageLog, memory: list[tuple[int, float]]) -> None:
    """Speed and waiting, of all steps and without the first epoch, in which worker processes start; memory by epoch."""
    summary = stage.summary()
    print(f"\n{stage.stage}: {summary.epochs} epochs, {summary.steps} steps")
    print(
        f"  {summary.videos_per_second:.1f} views per second, {summary.share_waiting:.1%} of the time waiting for data"
    )
    later = [number for number, epoch in enumerate(stage.epoch) if epoch > 0]
    if later:
        waited = sum(stage.seconds_waiting[number] for number in later)
        print(f"  {waited / sum(stage.seconds[number] for number in later):.1%} waiting after the first epoch")
    peaks = {epoch: max(size for at, size in memory if at == epoch) for epoch in sorted({at for at, _ in memory})}
    by_epoch = " ".join(f"{epoch}: {peak:.0f}" for epoch, peak in peaks.items() if epoch < summary.epochs)
    print(f"  peak MiB of all processes by epoch: {by_epoch}")


def where(out: Path) -> tuple[str, int]:
    """Stage and epoch that run: one past the newest in the log, which is written after every epoch.

    What comes between two stages falls to an epoch past the stage's last, and is not printed.
    """
    log = out / "log.csv"
    if not log.exists():
        return "", 0
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return (rows[-1]["stage"], int(rows[-1]["epoch"]) + 1) if rows else ("", 0)


def mebibytes(process: int) -> float:
    """Memory of a process and all below it."""
    total = 0.0
    waiting = [process]
    while waiting:
        number = waiting.pop()
        try:
            rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
            waiting += map(int, Path(f"/proc/{number}/task/{number}/children").read_text().split())
        except OSError:  # it has just ended
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    return total


if __name__ == "__main__":
    main()
