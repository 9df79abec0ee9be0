"""Real Ray on a simulated cluster of two machines with two cores each: the same rows as here, whatever is killed."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from model_samples import small_bundle
from prediction_samples import names_in, rows_of, write_list, write_videos
from video_server import VideoServer, serving

from faster_video.bundle import load_bundle, save_bundle
from faster_video.cli import main
from faster_video.cluster import Share, connected
from faster_video.cluster.foreman import MOST_DEATHS
from faster_video.cluster.pool import Pool
from faster_video.cluster.worker import PredictionWorker, task_of
from faster_video.features import FeatureStore
from faster_video.predictions import Source, Work, local_sources

pytestmark = pytest.mark.slow
FILES = 24
QUICK = """
import sys
from faster_video.cli import main
from faster_video.cluster import predict
from faster_video.predictions import folder
folder.PART_ROWS, predict.TASK_FILES = 1, 2
sys.exit(main())
"""
"""The command line, with small parts and tasks, so that it can be stopped in the midst of a few small files."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the cluster; its workers have another working directory than the commands."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}  # other tests run beside these
    from ray.cluster_utils import Cluster

    # This machine alone can reach it, and Ray does not take it for the machine's own address, as it takes 127.0.0.1.
    alike = {"node_ip_address": "127.0.0.2", "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **alike})
    try:
        for _ in range(2):
            cluster.add_node(wait=False, num_cpus=2, **alike)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()
    assert processes_named("raylet") == []


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
    monkeypatch.setattr("faster_video.predictions.folder.PART_ROWS", 1)
    monkeypatch.setattr("faster_video.cluster.predict.TASK_FILES", 2)


@pytest.fixture
def server(place: Path) -> Iterator[VideoServer]:
    """Slow enough that something can be killed meanwhile."""
    with serving(place / "videos", seconds=0.15) as found:
        yield found


def processes_named(word: str) -> list[int]:
    """Those of this user's that have the word in their command line, as Ray names them by what they do."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if word in (entry / "cmdline").read_text(errors="replace"):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has just ended
    return [number for number in found if number != os.getpid()]


def once(condition: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Do it as soon as this holds, in a thread that has begun."""

    def wait() -> None:
        until = time.monotonic() + 60
        while not condition() and time.monotonic() < until:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what is printed, and what is said on stderr."""
    code = main(shlex.split(command))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_four_workers_give_the_rows_of_one_process_though_one_is_killed(
    address: str, server: VideoServer, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = sorted((place / "videos").iterdir())
    lines = [f"{server.url}/{path.name}" for path in paths[:-4]] + [str(path) for path in paths[-4:]]
    bad = [f"{server.url}/none.mp4", f"{server.url}/cut/03.mp4", str(place / "text.mp4"), str(place / "none.mp4")]
    listed = write_list(tmp_path / "list.txt", [*lines[:8], *bad, *lines[8:]])
    out = tmp_path / "cluster"
    killed: list[int] = []

    def kill_a_worker() -> None:
        killed.append(processes_named("ray::MapWorker")[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = once(lambda: len(names_in(out)) >= 4 if out.exists() else False, kill_a_worker)
    code, printed, said = run(f"classify --list {listed} --bundle bundle --out {out} --cluster {address}", capsys)
    killer.join()
    assert (code, printed) == (1, f"predictions of {FILES} of {FILES + 4} videos in {out}\n"), said
    assert killed
    assert said.splitlines()[0] == "4 workers of 1 core each on 2 machines" and "cut/03.mp4: cannot be fetched" in said
    assert "a worker has died; what it had goes to another one" in said.splitlines()
    assert len(said.splitlines()) == 2 + len(bad)  # and nothing of Ray's own
    alone = tmp_path / "alone"
    run(f"classify --list {listed} --bundle bundle --out {alone} --processes 1", capsys)
    assert rows_of(out) == rows_of(alone) and len(rows_of(out)) == FILES + len(bad)


def test_a_run_stopped_twice_ends_with_the_rows_of_one_that_was_not_and_does_nothing_twice(
    address: str, server: VideoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = write_list(tmp_path / "list.txt", [f"{server.url}/{number:02d}.mp4" for number in range(FILES)])
    out = tmp_path / "out"
    command = f"classify --list {listed} --bundle bundle --out {out} --cluster {address} --workers 2"

    def has(count: int) -> Callable[[], bool]:
        return lambda: out.exists() and len(names_in(out)) >= count

    presser = once(has(4), lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run(command, capsys)[0] == 130
    presser.join()
    after_ctrl_c = set(names_in(out))
    asked_before = server.asked.copy()
    process = subprocess.Popen([sys.executable, "-c", QUICK, *shlex.split(command)], stderr=subprocess.DEVNULL)
    once(has(len(after_ctrl_c) + 4), process.kill).join()
    assert process.wait() == -signal.SIGKILL
    after_kill = set(names_in(out))
    assert len(after_ctrl_c) < len(after_kill) < FILES
    time.sleep(1)  # for its workers to end
    between = server.asked.copy()
    assert run(command, capsys)[:2] == (0, f"predictions of {FILES} of {FILES} videos in {out}\n")
    for kept, then, later in ((after_ctrl_c, asked_before, between), (after_kill, between, server.asked)):
        assert [name for name in kept if later[Path(name).name] != then[Path(name).name]] == []
    assert sorted(names_in(out)) == sorted(set(names_in(out)))
    alone = tmp_path / "alone"
    run(f"classify --list {listed} --bundle bundle --out {alone} --processes 1", capsys)
    assert rows_of(out) == rows_of(alone)


def test_a_file_that_kills_its_workers_is_given_up_and_its_neighbours_are_not(address: str, place: Path) -> None:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # its machines do not have the tests

    class Deadly(PredictionWorker):
        def _rows(self, sources):  # type: ignore[no-untyped-def]
            for source in sources:
                if "deadly" in source.name or ("once" in source.name and not Path(source.place).exists()):
                    Path(source.place).write_bytes((place / "videos" / "00.mp4").read_bytes())
                    os.kill(os.getpid(), signal.SIGKILL)
                if "strange" in source.name:
                    raise ZeroDivisionError("no decoder's error")
            return super()._rows(sources)

    videos = sorted((place / "videos").iterdir())[:4]
    names = [*videos[:2], place / "deadly.mp4", place / "strange.mp4", videos[2], place / "once.mp4", videos[3]]
    sources = local_sources(names)
    work = Work(bundle=load_bundle(place / "bundle"), device="cpu", top=1)
    with connected(address):
        pool = Pool(Deadly, work, Share(workers=1, cores=1, gpus=0, device="cpu"))
        (table,) = pool.results([task_of(range(len(sources)), sources)])
    errors = {Path(row["path"]).stem: row["error"] for row in table.to_pylist()}
    died = f"{MOST_DEATHS + 1} workers have died while they had it; it is given up"
    assert errors == {path.stem: None for path in names} | {
        "deadly": died,
        "strange": "ZeroDivisionError: no decoder's error",
    }


def test_evaluate_counts_on_a_cluster_as_it_does_here(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = json.loads(run("evaluate bundle list.csv --json", capsys)[1])
    there = run(f"evaluate bundle list.csv --json --out {tmp_path / 'out'} --cluster {address} --workers 2", capsys)
    found = json.loads(there[1])
    for evaluation in (here, found):
        evaluation.pop("seconds_per_video")
        for video in evaluation["videos"]:
            video.pop("seconds")
    assert there[0] == 1 and found == here
    assert (found["num_videos"], found["num_unreadable"], found["num_missing"]) == (FILES + 2, 2, 1)


def test_extract_on_a_cluster_makes_the_store_that_it_makes_here(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, where in (("here", "--workers 0"), ("there", f"--cluster {address} --workers 2")):
        code, printed, said = run(f"extract bundle list.csv --out {tmp_path / name} --views 1 {where}", capsys)
        assert (code, printed) == (1, f"features of {FILES} of {FILES + 2} videos in {tmp_path / name}\n"), said
    here, there = FeatureStore(tmp_path / "here"), FeatureStore(tmp_path / "there")
    assert len(list((tmp_path / "there" / "shards").glob("*.safetensors"))) == 7 > 1
    assert replace(there.config, videos_per_shard=1, shards=[], index_sha256="") == replace(
        here.config, videos_per_shard=1, shards=[], index_sha256=""
    )
    assert here.videos == there.videos
    for video in range(FILES):
        for view in (-1, 0):
            pairs = zip(here.features(video, view), there.features(video, view), strict=True)
            assert all(one.equal(other) for one, other in pairs)
    code, _, said = run(f"extract bundle list.csv --out {tmp_path / 'there'} --views 1 --resume", capsys)
    assert code == 1 and "of it there already" in said


def test_why_workers_cannot_work_is_said_in_one_sentence(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, printed, said = run(
        f"classify videos --bundle bundle --out {out} --cluster {address} --workers 1 --engine steam", capsys
    )
    assert (code, printed) == (2, "")
    assert said.splitlines()[1:] == [said.splitlines()[1]] and "error: unknown engine 'steam'; choose one" in said
    assert not out.exists()


def test_sources_survive_the_way_to_a_worker() -> None:
    from faster_video.cluster.worker import sources_of

    sources = [Source("a\\udcff", "a\udcff"), Source("s3://b/c", "s3://b/c"), Source("d", "d", "no video")]
    assert sources_of(task_of(range(3), sources)) == sources
