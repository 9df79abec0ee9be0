"""Real Ray on a simulated cluster of two machines with two cores each: the same rows as here, whatever is killed.

What Ray connects runs in processes of its own: a driver whose machine fails ends as Ray likes, and not the tests.
"""

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from select import select

import psutil
import pytest
from ended import has_ended
from model_samples import small_bundle
from prediction_samples import names_in, rows_of, write_list, write_videos
from video_server import VideoServer, serving

from faster_video.bundle import save_bundle
from faster_video.cli import main
from faster_video.cluster.foreman import MOST_DEATHS
from faster_video.cluster.worker import sources_of, task_of
from faster_video.features import FeatureStore
from faster_video.predictions import Source

pytestmark = pytest.mark.slow
FILES = 24
SECONDS = 180
"""Longest that a command may take on a busy machine."""
MACHINES, DEADLY = (Path(__file__).with_name(f"{name}.py") for name in ("machines", "deadly"))
QUICK = """
import sys
from faster_video.cli import program
from faster_video.cluster import predict
from faster_video.predictions import folder
folder.PART_ROWS, predict.TASK_FILES = 1, 2
program()
"""
"""The command line, with small parts and tasks, so that it can be stopped in the midst of a few small files."""


@dataclass(frozen=True)
class Machines:
    """The simulated cluster."""

    address: str
    process: subprocess.Popen[str]

    def waiting(self, server: VideoServer) -> psutil.Process | None:
        """The process that waits for the file that is held."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):  # it has just ended
                for connection in process.net_connections("tcp"):
                    if connection.laddr.port == server.waiting_port:
                        return process
        return None

    def kill_one(self, out: Path, server: VideoServer) -> bool:
        """Kill the worker that waits for the file that is held, once others have done some; whether that was done."""
        process = self.waiting(server) if server.waiting_port and has(out, 8) else None
        if process is not None:
            process.kill()  # with psutil, which kills no other process that has got its number meanwhile
            server.released.set()
        return process is not None


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Their workers have another working directory than the commands."""
    log = tmp_path_factory.mktemp("machines") / "stderr"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, MACHINES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,  # Ray ends groups of processes
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        address = process.stdout.readline().strip() if select([process.stdout], [], [], SECONDS)[0] else ""
        assert address, f"the cluster does not start: {log.read_text()}"
        yield Machines(address, process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.stdin.close()
        assert process.wait(SECONDS) == 0, log.read_text()
        until = time.monotonic() + 300
        while not all(map(has_ended, children)):
            assert time.monotonic() < until, children
            time.sleep(0.1)
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()


@pytest.fixture
def address(machines: Machines) -> str:
    return machines.address


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    save_bundle(small_bundle(), folder / "bundle")
    videos = write_videos(folder / "videos", FILES)
    (folder / "text.mp4").write_text("This is text.\n")
    labels = ("wave", "jump", "sit")
    lines = [f"{video.relative_to(folder)},{labels[number % 3]}" for number, video in enumerate(videos)]
    write_list(folder / "list.csv", [*lines, "text.mp4,sit", "none.mp4,jump"])
    return folder


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


@pytest.fixture
def server(place: Path) -> Iterator[VideoServer]:
    """Slow enough that something can be killed meanwhile."""
    with serving(place / "videos", seconds=0.15) as found:
        yield found


@contextmanager
def once(act: Callable[[], bool]) -> Iterator[list[bool]]:
    """Try this in a thread until it succeeds or the block has ended; whether it has succeeded."""
    ended = threading.Event()
    done: list[bool] = []

    def wait() -> None:
        while not ended.wait(0.02):
            if act():
                done.append(True)
                return

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(wait)
        try:
            yield done
        finally:
            ended.set()
        waiting.result()  # which raises what the thread has


def has(folder: Path, count: int) -> bool:
    """Whether so many rows are written there."""
    return folder.exists() and len(names_in(folder)) >= count


def sent(number: signal.Signals, process: subprocess.Popen[str], folder: Path, count: int) -> bool:
    """Send the signal if so many rows are there; whether it was sent."""
    found = has(folder, count)
    if found:
        process.send_signal(number)
    return found


def here(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Without a cluster, in this process: exit code, what is printed, and what is said on stderr."""
    code = main(shlex.split(command))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def started(command: str) -> subprocess.Popen[str]:
    """On the cluster, in a process of its own, as a user starts it."""
    words = [sys.executable, "-c", QUICK, *shlex.split(command)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """As of `here`, once the command has ended."""
    try:
        printed, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return process.returncode, printed, said


def there(command: str) -> tuple[int, str, str]:
    """As of `here`, on the cluster."""
    return ended(started(command))


def test_four_workers_give_the_rows_of_one_process_though_one_is_killed(
    machines: Machines, server: VideoServer, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = sorted((place / "videos").iterdir())
    lines = [f"{server.url}/{path.name}" for path in paths[:-4]] + [str(path) for path in paths[-4:]]
    bad = [f"{server.url}/none.mp4", f"{server.url}/cut/03.mp4", str(place / "text.mp4"), str(place / "none.mp4")]
    listed = write_list(tmp_path / "list.txt", [*lines[:8], *bad, *lines[8:]])
    out, alone = tmp_path / "cluster", tmp_path / "alone"
    server.held = "05.mp4"
    with once(lambda: machines.kill_one(out, server)) as killed:
        found = there(f"classify --list {listed} --bundle bundle --out {out} --cluster {machines.address}")
    code, printed, said = found
    assert (code, printed) == (1, f"predictions of {FILES} of {FILES + 4} videos in {out}\n"), said
    assert killed
    assert said.splitlines()[0] == "4 workers of 1 core each on 2 machines" and "cut/03.mp4: cannot be fetched" in said
    assert "a worker has died; what it had goes to another one" in said.splitlines()
    assert len(said.splitlines()) == 2 + len(bad)  # and nothing of Ray's own
    here(f"classify --list {listed} --bundle bundle --out {alone} --processes 1", capsys)
    assert rows_of(out) == rows_of(alone) and len(rows_of(out)) == FILES + len(bad)
    assert server.asked["05.mp4"] == 3  # by the one that died, the one after it, and alone


def test_a_run_stopped_twice_ends_with_the_rows_of_one_that_was_not_and_does_nothing_twice(
    address: str, server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = write_list(tmp_path / "list.txt", [f"{server.url}/{number:02d}.mp4" for number in range(FILES)])
    out, alone = tmp_path / "out", tmp_path / "alone"
    command = f"classify --list {listed} --bundle bundle --out {out} --cluster {address} --workers 2"
    process = started(command)
    with once(lambda: sent(signal.SIGINT, process, out, 4)) as pressed:
        code, _, said = ended(process)
    assert pressed and code == 130, said
    after_ctrl_c = set(names_in(out))
    asked_before = server.asked.copy()
    process = started(command)
    with once(lambda: sent(signal.SIGKILL, process, out, len(after_ctrl_c) + 4)) as killed:
        code, _, said = ended(process)
    assert killed and code == -signal.SIGKILL, said
    after_kill = set(names_in(out))
    assert len(after_ctrl_c) < len(after_kill) < FILES
    time.sleep(1)  # for its workers to end
    between = server.asked.copy()
    assert there(command)[:2] == (0, f"predictions of {FILES} of {FILES} videos in {out}\n")
    for kept, then, later in ((after_ctrl_c, asked_before, between), (after_kill, between, server.asked)):
        assert [name for name in kept if later[Path(name).name] != then[Path(name).name]] == []
    assert sorted(names_in(out)) == sorted(set(names_in(out)))
    here(f"classify --list {listed} --bundle bundle --out {alone} --processes 1", capsys)
    assert rows_of(out) == rows_of(alone)


def test_a_file_that_kills_its_workers_is_given_up_and_its_neighbours_are_not(address: str, place: Path) -> None:
    stems = ["00", "01", "deadly", "strange", "02", "once", "03"]
    videos = [place / "videos" / f"{stem}.mp4" for stem in stems]
    command = [sys.executable, str(DEADLY), address, str(place / "bundle"), *map(str, videos)]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    finally:
        for stem in ("deadly", "once"):
            (place / "videos" / f"{stem}.mp4").unlink(missing_ok=True)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == dict.fromkeys(stems) | {
        "deadly": f"{MOST_DEATHS + 1} workers have died while they had it; it is given up",
        "strange": "ZeroDivisionError: no decoder's error",
    }


def test_evaluate_counts_on_a_cluster_as_it_does_here(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = json.loads(here("evaluate bundle list.csv --json", capsys)[1])
    code, printed, _ = there(
        f"evaluate bundle list.csv --json --out {tmp_path / 'out'} --cluster {address} --workers 2"
    )
    found = json.loads(printed)
    for evaluation in (wanted, found):
        evaluation.pop("seconds_per_video")
        for video in evaluation["videos"]:
            video.pop("seconds")
    assert code == 1 and found == wanted
    assert (found["num_videos"], found["num_unreadable"], found["num_missing"]) == (FILES + 2, 2, 1)


def test_extract_on_a_cluster_makes_the_store_that_it_makes_here(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    extract = "extract bundle list.csv --views 1 --out"
    for folder, (code, printed, said) in (
        (one, here(f"{extract} {one} --workers 0", capsys)),
        (many, there(f"{extract} {many} --cluster {address} --workers 2")),
    ):
        assert (code, printed) == (1, f"features of {FILES} of {FILES + 2} videos in {folder}\n"), said
    alone, shared = FeatureStore(one), FeatureStore(many)
    assert len(list((many / "shards").glob("*.safetensors"))) == 7 > 1
    assert replace(shared.config, videos_per_shard=1, shards=[], index_sha256="") == replace(
        alone.config, videos_per_shard=1, shards=[], index_sha256=""
    )
    assert alone.videos == shared.videos
    for video in range(FILES):
        for view in (-1, 0):
            pairs = zip(alone.features(video, view), shared.features(video, view), strict=True)
            assert all(ours.equal(theirs) for ours, theirs in pairs)
    code, _, said = here(f"{extract} {many} --resume", capsys)
    assert code == 1 and "of it there already" in said


def test_why_workers_cannot_work_is_said_in_one_sentence(address: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, said = there(
        f"classify videos --bundle bundle --out {out} --cluster {address} --workers 1 --engine steam"
    )
    assert (code, printed) == (2, "")
    assert said.splitlines()[1:] == [said.splitlines()[1]] and "error: unknown engine 'steam'; choose one" in said
    assert not out.exists()


def test_sources_survive_the_way_to_a_worker() -> None:
    sources = [Source("a\\udcff", "a\udcff"), Source("s3://b/c", "s3://b/c"), Source("d", "d", "no video")]
    assert sources_of(task_of(range(3), sources)) == sources
