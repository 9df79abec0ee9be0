"""`faster-video stream`: what it prints, writes and refuses, and that a killed one goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from inference_samples import small_bundle, write_sample

from faster_video.bundle import save_bundle
from faster_video.cli import main

SPAN = 15


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "small"
    save_bundle(small_bundle(), folder)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "a.mp4", num_frames=6 * SPAN)


def stream(*words: object) -> int:
    return main(["stream", *map(str, words)])


def test_every_clip_is_a_line(bundle: Path, video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stream(video, "--bundle", bundle) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert "0.60 s  expensive" in lines[0] and "GMACs" in lines[0] and lines[0].endswith(" ms")
    assert "1.20 s  cheap" in lines[1]


def test_json_lines_and_segments(bundle: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stream(video, "--bundle", bundle, "--jsonl", "--every_seconds", 0.4, "--segments", tmp_path / "a.vtt") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [round(answer["start_seconds"], 6) for answer in answers] == [round(0.4 * n, 6) for n in range(len(answers))]
    assert len(answers) == (6 * SPAN - SPAN) // 10 + 1
    captions = (tmp_path / "a.vtt").read_text()
    assert captions.startswith("WEBVTT\n\n00:00:00.000 --> ") and answers[0]["smoothed_label"].split("&")[0] in captions


def test_a_state_goes_on_with_what_is_new(
    bundle: Path, tmp_path: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    words = [video, "--bundle", bundle, "--jsonl", "--state", state]
    assert stream(*words) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert stream(*words) == 0  # all of it was seen
    told = capsys.readouterr()
    assert told.err.splitlines()[-1] == f"{video}: was finished when the state was saved; nothing is new"
    assert told.out == ""
    assert stream(*words, "--every_seconds", 1) == 2
    assert "state: was saved with other settings" in capsys.readouterr().err
    assert stream(*words, "--pattern", "1:5") == 2
    assert "state: was saved with another bundle, pattern or gate" in capsys.readouterr().err


def test_a_short_file_is_finished_too(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_sample(tmp_path / "short.mp4", num_frames=SPAN // 2)
    words = [video, "--bundle", bundle, "--state", tmp_path / "state", "--segments", tmp_path / "a.jsonl"]
    assert stream(*words) == 0
    segments = (tmp_path / "a.jsonl").read_text()
    assert segments.count("\n") == 1 and len(capsys.readouterr().out.splitlines()) == 1
    assert stream(*words) == 0
    assert capsys.readouterr().err == f"{video}: was finished when the state was saved; nothing is new\n"
    assert (tmp_path / "a.jsonl").read_text() == segments


def test_a_state_is_of_one_source(
    bundle: Path, tmp_path: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--bundle", bundle, "--state", tmp_path / "state"]
    assert stream(video, *words) == 0
    state = (tmp_path / "state").read_bytes()
    capsys.readouterr()
    other = write_sample(tmp_path / "b.mp4", num_frames=7 * SPAN)
    assert stream(other, *words) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "b.mp4: is not the source that the stream was saved with; give the same" in told[0]
    assert (tmp_path / "state").read_bytes() == state


def test_clips_that_were_late_are_told(
    bundle: Path, video: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stream(video, "--bundle", bundle, "--late_seconds", 2) == 2
    told = capsys.readouterr().err
    assert "late_seconds is 2.0, but" in told and "waits until it is read; leave it out" in told
    assert stream(video, "--bundle", bundle, "--live", "--late_seconds", 100) == 0
    assert capsys.readouterr().err == ""
    assert stream(video, "--bundle", bundle, "--live", "--late_seconds", 1e-9) == 2
    told = capsys.readouterr().err
    assert f"{video}: all clips were passed over" in told
    assert "6 clips were passed over: the networks were slower than the source" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_answers_that_cannot_be_written_are_one_sentence(bundle: Path, video: Path) -> None:
    words = [sys.executable, "-m", "faster_video", "stream", str(video), "--bundle", str(bundle), "--jsonl"]
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert told.returncode == 2
    assert told.stderr == "faster-video: error: standard output cannot be written (No space left on device)\n"


def test_segments_that_cannot_be_written_are_one_sentence_and_those_before_stay(
    bundle: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [video, "--bundle", bundle, "--jsonl", "--smoothing", 0, "--every_seconds", 0.2]
    assert stream(*words, "--segments", tmp_path / "whole.vtt") == 0
    answers = capsys.readouterr().out.splitlines()
    whole = (tmp_path / "whole.vtt").read_text()
    room = len(whole.encode()) // 2
    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(room), *map(str, words), "--segments", str(tmp_path / "a.vtt")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert told.returncode == 2
    assert told.stderr == f"faster-video: error: {tmp_path}/a.vtt: cannot be written (File too large)\n"
    written = (tmp_path / "a.vtt").read_text()
    assert whole.startswith(written) and written.endswith("\n\n") and written.count("-->") >= 1
    got = [alike(json.loads(line)) for line in told.stdout.splitlines()]
    assert 0 < len(got) < len(answers) and got == [alike(json.loads(line)) for line in answers[: len(got)]]


def test_a_state_that_cannot_be_written_is_one_sentence(
    bundle: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    assert stream(video, "--bundle", bundle, "--state", state) == 2
    assert capsys.readouterr().err == f"faster-video: error: {state}: cannot be written (Not a directory)\n"


FULL_DISK = """
import resource, sys
from faster_video.cli import main
import faster_video.streaming.segments as segments
begin = segments.SegmentFile.__init__
def limited(*arguments):
    begin(*arguments)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
segments.SegmentFile.__init__ = limited
sys.exit(main(["stream", *sys.argv[2:]]))
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_tells_the_rest(bundle: Path, tmp_path: Path) -> None:
    video = write_sample(tmp_path / "long.mp4", num_frames=40 * SPAN)
    state = tmp_path / "state"
    words = [sys.executable, "-m", "faster_video", "stream", str(video), "--bundle", str(bundle), "--jsonl"]
    words += ["--smoothing", "0", "--segments"]
    told = subprocess.run(
        [*words, str(tmp_path / "whole.vtt")], capture_output=True, text=True, timeout=300, check=True
    )
    wanted = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(wanted) == 40
    segments = (tmp_path / "whole.vtt").read_text()
    assert segments.count("-->") > 3
    words += [str(tmp_path / "a.vtt"), "--state", str(state)]
    found: dict[int, dict[str, object]] = {}
    kills = 0
    left = tmp_path / ".state.abcd1234"
    left.write_bytes(b"of a run that was killed while it saved")
    while len(found) < 40 and kills < 40:
        child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for line in child.stdout:
            answer = json.loads(line)
            again = found.setdefault(answer["number"], answer)
            assert alike(again) == alike(answer)  # told twice where it was killed before it had saved
            if kills < 2 and len(found) % 13 == 12 and state.exists():
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
                break
        child.wait(300)
    assert kills == 2
    assert not left.exists() and not list(tmp_path.glob(".state.*"))
    assert [alike(found[number]) for number in range(40)] == [alike(answer) for answer in wanted]
    assert (tmp_path / "a.vtt").read_text() == segments


def alike(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name != "latency_seconds"}


def test_ctrl_c_saves_and_ends(bundle: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = [sys.executable, "-m", "faster_video", "stream", "-", "--bundle", str(bundle), "--state", str(state)]
    video = write_sample(tmp_path / "a.mp4", num_frames=4 * SPAN)
    part = tmp_path / "a.ts"
    subprocess.run([sys.executable, "-c", REMUX, str(video), str(part)], check=True, capture_output=True)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        child = subprocess.Popen(words, stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.close(reading)
        pipe.write(part.read_bytes())
        pipe.flush()
        assert child.stdout is not None and child.stderr is not None
        assert "s  expensive" in child.stdout.readline()
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        assert child.wait(300) == 130
    assert child.stderr.read().splitlines()[-1] == "interrupted"
    assert state.exists()


REMUX = """
import sys, av
with av.open(sys.argv[1]) as source, av.open(sys.argv[2], "w", format="mpegts") as target:
    there = source.streams.video[0]
    stream = target.add_stream("mpeg2video", rate=25)
    stream.width, stream.height, stream.pix_fmt = there.width, there.height, "yuv420p"
    for frame in source.decode(there):
        target.mux(stream.encode(frame))
    target.mux(stream.encode())
"""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.mp4"], "none.mp4: No such file or directory"),
        (["VIDEO", "--every_seconds", "0"], "every_seconds is 0.0; it must be a number above 0, or left out"),
        (["VIDEO", "--window_seconds", "2", "--reset_seconds", "3"], "a sliding window forgets by itself: choose one"),
        (["VIDEO", "--cut_threshold", "3"], "cut_threshold is 3.0; it must be at most 1"),
        (["VIDEO", "--smoothing", "1"], "smoothing is 1.0; it must be at most 0.99"),
        (["VIDEO", "--timeout_seconds", "0"], "timeout_seconds is 0.0; it must be a number above 0"),
        (["VIDEO", "--live", "--late_seconds", "-1"], "late_seconds is -1.0; it must be a number above 0, or left out"),
        (["VIDEO", "--segments", "a.srt"], "segments is 'a.srt'; its name must end with .jsonl or .vtt"),
        (["VIDEO", "--state", "."], ".: is no saved stream that can be read"),
        (["gopher://x"], "addresses that begin with gopher:// are not opened; use http, https"),
        ([], "not given: SOURCE; see faster-video stream --help"),
    ],
)
def test_wrong_uses_are_one_sentence(
    words: list[str], sentence: str, bundle: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(video) if word == "VIDEO" else word for word in words]
    assert stream(*given, "--bundle", bundle) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and sentence in told[0]
