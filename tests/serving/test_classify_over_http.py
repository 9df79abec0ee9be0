"""Files over HTTP: the answers of `classify`, whole or clip by clip, and sentences for what cannot be answered."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from inference_samples import small_bundle, write_sample
from serving_samples import FORM_HEADERS, Held, Served, form, serving, text_form, wait_for
from torch import Tensor

from faster_video.inference import Classifier, with_policy
from faster_video.model import State
from faster_video.serving.config import ServeConfig
from faster_video.serving.shared_model import SharedModel


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("videos") / "a.mp4")


@pytest.fixture(scope="module")
def served(video: Path) -> Iterator[Served]:
    with serving(ServeConfig(port=0, root=video.parent)) as server:
        yield server


def events_of(text: bytes) -> list[tuple[str, dict[str, object]]]:
    blocks = [block for block in text.decode().split("\n\n") if block.startswith("event: ")]
    parts = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


def without_seconds(values: dict[str, object]) -> dict[str, object]:
    return {
        name: value for name, value in values.items() if name not in ("seconds", "seconds_decoding", "seconds_model")
    }


def test_an_upload_is_answered_as_classify_does(served: Served, video: Path) -> None:
    status, answer = served.classify(video.read_bytes(), "holiday.mp4", "?top=3")
    assert status == 200
    expected = served.classifier.classify(video)
    ranked = expected.labels[:3]
    assert answer["path"] == "holiday.mp4" and answer["pattern"] == "1:2" and answer["num_clips"] == 5
    assert [share["label"] for share in answer["labels"]] == [label for label, _ in ranked]  # type: ignore[attr-defined]
    for share, (_, probability) in zip(answer["labels"], ranked, strict=True):  # type: ignore[call-overload]
        assert share["probability"] == pytest.approx(probability, abs=1e-5)
    assert answer["gmacs"] == pytest.approx(expected.gmacs)
    for clip, other in zip(answer["clips"], expected.clips, strict=True):  # type: ignore[call-overload]
        assert (clip["start_seconds"], clip["end_seconds"]) == (other.start_seconds, other.end_seconds)
        assert (clip["expensive"], clip["label"]) == (other.expensive, other.label)
        assert clip["gmacs"] == pytest.approx(other.gmacs) and len(clip["labels"]) == 3


def test_events_tell_every_clip_and_then_the_same_answer(served: Served, video: Path) -> None:
    accept = {"Accept": "text/event-stream"}
    response, text = served.ask("POST", "/v1/classify?top=2", form(video.read_bytes()), FORM_HEADERS | accept)
    assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
    *clips, (last, result) = events_of(text)
    assert [name for name, _ in clips] == ["clip"] * 5 and last == "result"
    assert [clip["number"] for _, clip in clips] == list(range(5))
    of_video = {"number", "num_clips", "gmacs_all_expensive", "video_seconds"}
    assert [{k: v for k, v in clip.items() if k not in of_video} for _, clip in clips] == result["clips"]
    assert all(clip["video_seconds"] == result["video_seconds"] == 2.0 for _, clip in clips)
    whole = served.classify(video.read_bytes(), query="?top=2")[1]
    assert without_seconds(whole) == without_seconds(result)


def test_a_path_below_the_root_is_answered_as_an_upload(served: Served, video: Path) -> None:
    response, text = served.ask("POST", "/v1/classify", text_form("path", "a.mp4"), FORM_HEADERS)
    assert response.status == 200
    assert without_seconds(json.loads(text)) == without_seconds(served.classify(video.read_bytes())[1])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "a.mp4: the file is empty"),
        (b"hello", "a.mp4: not a video file that can be read"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n", "a.mp4: not a video file that can be read"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "a.mp4: not a video file that can be read"),
    ],
)
def test_what_is_no_video_gets_a_sentence(served: Served, content: bytes, sentence: str) -> None:
    status, answer = served.classify(content)
    assert status == 422 and str(answer["detail"]).startswith(sentence)
    assert "/proc" not in str(answer["detail"])
    accept = {"Accept": "text/event-stream"}
    _, text = served.ask("POST", "/v1/classify", form(content), FORM_HEADERS | accept)
    assert events_of(text) == [("error", {"status": 422, "detail": answer["detail"]})]


def test_a_video_that_is_cut_off_gets_a_sentence_and_the_next_one_an_answer(served: Served, video: Path) -> None:
    whole = video.read_bytes()
    status, answer = served.classify(whole[: len(whole) // 2])
    assert status == 422 and str(answer["detail"]).startswith("a.mp4: ")
    assert served.classify(whole)[0] == 200


@pytest.mark.parametrize(
    ("body", "kind", "status", "sentence"),
    [
        (b"{}", "application/json", 400, "the body is 'application/json'; send a multipart form"),
        (b"", "multipart/form-data", 400, "send a multipart form with one field: file"),
        (b"--x\r\nrubbish", "multipart/form-data; boundary=y", 400, "send a multipart form with one field: file"),
        (text_form("video", "a.mp4"), FORM_HEADERS["Content-Type"], 400, "send a multipart form with one field: file"),
        (text_form("path", "x" * 10_000), FORM_HEADERS["Content-Type"], 400, "send a multipart form with one field"),
        (form(b"x") .replace(b"--\r\n", b"\r\n") + form(b"x"), FORM_HEADERS["Content-Type"], 400, "send a multipart"),
    ],
)  # fmt: skip
def test_other_forms_are_refused(served: Served, body: bytes, kind: str, status: int, sentence: str) -> None:
    response, text = served.ask("POST", "/v1/classify", body, {"Content-Type": kind})
    assert response.status == status and sentence in json.loads(text)["detail"]


@pytest.mark.parametrize("top", ["0", "-1", "many", "1001"])
def test_a_wrong_number_of_labels_is_refused(served: Served, video: Path, top: str) -> None:
    status, answer = served.classify(video.read_bytes(), query=f"?top={top}")
    assert status == 422 and str(answer["detail"]).startswith(f"top is '{top}': ")


def test_names_with_quotes_and_line_breaks_stay_on_one_line(served: Served, video: Path) -> None:
    answer = served.classify(video.read_bytes(), 'a "b"\u2028<script>.mp4')[1]
    assert answer["path"] == 'a "b"\\u2028<script>.mp4'
    assert served.classify(b"x", "../../etc/passwd")[1]["detail"].startswith("passwd: ")  # type: ignore[attr-defined]


def test_a_rule_that_knows_the_video_leaves_the_rest_out(video: Path) -> None:
    bundle, stop = with_policy(small_bundle(), stop="0.01:1")
    with serving(classifier=Classifier(bundle, "cpu", "eager", stop=stop)) as server:
        status, answer = server.classify(video.read_bytes())
        assert status == 200 and len(answer["clips"]) == 1 and answer["num_clips"] == 5  # type: ignore[arg-type]
        assert server.classify(video.read_bytes())[0] == 200  # the process that was stopped serves again
        assert server.counted('faster_video_clips_total{network="expensive"}') == 2


def test_several_users_share_batches_and_get_the_answers_of_one(served: Served, tmp_path: Path) -> None:
    videos = [write_sample(tmp_path / f"{seed}.mp4", seed=seed) for seed in range(4)]
    alone = [served.classify(video.read_bytes())[1] for video in videos]
    before = [served.counted(f'faster_video_batch_size_{what}{{kind="fold"}}') for what in ("sum", "count")]
    found: dict[tuple[int, int], dict[str, object]] = {}

    def ask(number: int, turn: int) -> None:
        found[number, turn] = served.classify(videos[number].read_bytes())[1]

    threads = [Thread(target=ask, args=(number, turn)) for turn in range(4) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total, count = (
        served.counted(f'faster_video_batch_size_{what}{{kind="fold"}}') - old
        for what, old in zip(("sum", "count"), before, strict=True)
    )
    assert total == 16 * 5 and count < total
    for (number, _), answer in found.items():
        for clip, other in zip(answer["clips"], alone[number]["clips"], strict=True):  # type: ignore[call-overload]
            assert clip["label"] == other["label"]
            assert clip["probability"] == pytest.approx(other["probability"], abs=1e-5)


def test_a_network_that_fails_costs_one_request_and_mixes_no_videos(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = [write_sample(tmp_path / f"{seed}.mp4", 50 + 10 * seed, seed) for seed in range(4)]
    alone = [served.classify(video.read_bytes())[1] for video in videos]
    failed: list[bool] = []
    usual = SharedModel.step

    def failing(model: SharedModel, clip: Tensor, state: State | None) -> object:
        if state is not None and not failed:
            failed.append(True)
            raise MemoryError("no room")
        return usual(model, clip, state)

    with serving(ServeConfig(port=0, at_once=1)) as server:
        monkeypatch.setattr(SharedModel, "step", failing)
        found: dict[int, tuple[int, dict[str, object]]] = {}

        def ask(number: int) -> None:
            found[number] = server.classify(videos[number].read_bytes())

        threads = [Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status for status, _ in found.values()) == [200, 200, 200, 500]
        assert server.counted('faster_video_videos_total{outcome="broken"}') == 1
        for number, (status, answer) in found.items():
            if status == 200:
                assert without_seconds(answer)["clips"] == without_seconds(alone[number])["clips"]
            else:
                assert "no room" in str(answer["detail"])


def test_beyond_the_queue_requests_are_told_when_to_come_again(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    with serving(ServeConfig(port=0, at_once=1, queue=1)) as server:
        statuses: list[int] = []
        threads = [Thread(target=lambda: statuses.append(server.classify(video.read_bytes())[0])) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: server.counted("faster_video_waiting") == 2)
        response, text = server.ask("POST", "/v1/classify", form(video.read_bytes()), FORM_HEADERS)
        assert response.status == 503 and int(response.headers["Retry-After"]) >= 1
        assert json.loads(text)["detail"].startswith("as many videos wait as may; try again in ")
        held.go.set()
        for thread in threads:
            thread.join()
        assert statuses == [200, 200]
        assert server.classify(video.read_bytes())[0] == 200


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_work_for_a_client_that_has_gone_stops(video: Path, monkeypatch: pytest.MonkeyPatch, accept: str) -> None:
    held = Held(monkeypatch)
    with serving(ServeConfig(port=0, at_once=1)) as server:
        gone = [HTTPConnection("127.0.0.1", server.port) for _ in range(2)]
        for connection in gone:  # one is worked on, one waits
            connection.request("POST", "/v1/classify", form(video.read_bytes()), FORM_HEADERS | {"Accept": accept})
        wait_for(lambda: held.seen == 1 and server.counted("faster_video_waiting") == 2)
        for connection in gone:
            connection.close()
        wait_for(lambda: server.counted("faster_video_waiting") == 1)  # what only waited is gone at once
        held.go.set()
        wait_for(lambda: server.counted("faster_video_waiting") == 0)
        assert server.counted('faster_video_videos_total{outcome="unwanted"}') == 2
        assert server.counted('faster_video_clips_total{network="expensive"}') == 0
        assert held.seen == 1
        assert server.classify(video.read_bytes())[0] == 200


def test_uploads_that_are_still_coming_hold_no_place(video: Path) -> None:
    whole = form(video.read_bytes())
    head = ["POST /v1/classify HTTP/1.1", "Host: localhost", f"Content-Length: {len(whole)}"]
    head += [f"Content-Type: {FORM_HEADERS['Content-Type']}", "", ""]
    with serving(ServeConfig(port=0, at_once=1, queue=0)) as server, ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(server.socket()).sendall("\r\n".join(head).encode() + whole[:500])
        wait_for(lambda: server.counted("faster_video_uploads") == 5)
        assert server.classify(video.read_bytes())[0] == 200


@pytest.mark.parametrize(
    ("names", "statuses"), [((), [200, 200, 200]), (("Video.Example",), [200, 200, 421]), (("*",), [200, 200, 200])]
)
def test_a_server_at_all_addresses_goes_by_the_names_that_it_is_given(
    names: tuple[str, ...], statuses: list[int]
) -> None:
    with serving(ServeConfig(port=0, host="0.0.0.0", open_to_all=True, names=names)) as server:
        hosts = [f"localhost:{server.port}", f"video.example:{server.port}", "evil.example"]
        assert [server.ask("GET", "/v1/info", headers={"Host": host})[0].status for host in hosts] == statuses
