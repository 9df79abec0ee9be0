"""`faster-video serve` as a process: it begins, ends when told, and leaves nothing, however it ends."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from ended import has_ended
from inference_samples import write_sample
from serving_samples import FORM_HEADERS, Served, command, form, left_in, wait_for

from faster_video.errors import ConfigError
from faster_video.serving.config import ServeConfig


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_nothing_is_left_however_it_ends(tmp_path: Path, number: signal.Signals, code: int) -> None:
    video = write_sample(tmp_path / "a.mp4")
    with command(tmp_path, environment={"FASTER_VIDEO_TOKEN": "secret"}) as (server, process):
        served = Served(server.port, server.classifier, {"Authorization": "Bearer secret"})
        assert served.classify(video.read_bytes())[0] == 200
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        with served.socket() as bare:  # in the middle of an upload
            body = form(b"x" * 3_000_000)
            lines = ["POST /v1/classify HTTP/1.1", "Host: localhost", "Authorization: Bearer secret"]
            lines += [f"Content-Length: {len(body)}", f"Content-Type: {FORM_HEADERS['Content-Type']}", "", ""]
            bare.sendall("\r\n".join(lines).encode() + body[:2_500_000])
            wait_for(lambda: served.counted("faster_video_uploads") == 1)
            os.kill(process.pid, number)
            assert process.wait(300) == code
        assert not left_in(tmp_path)
        wait_for(lambda: all(map(has_ended, children)))
        assert process.stderr is not None and not process.stderr.read().strip()


def test_the_page_and_the_interfaces_description_come_from_the_server_itself(tmp_path: Path) -> None:
    with command(tmp_path) as (served, process):
        for path in ("/", "/docs"):
            response, text = served.ask("GET", path)
            assert response.status == 200 and b"<!doctype html>" in text.lower()
            assert b"http://" not in text.replace(b"http://www.w3.org/", b"") and b"https://" not in text
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        described = json.loads(served.ask("GET", "/openapi.json")[1])
        operation = described["paths"]["/v1/classify"]["post"]
        assert {"200", "401", "413", "422", "503"} <= set(operation["responses"])
        assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
        assert "multipart/form-data" in operation["requestBody"]["content"]
        assert served.ask("GET", "/swagger/swagger-ui-bundle.js")[0].status == 200
        info = json.loads(served.ask("GET", "/v1/info")[1])
        assert (info["bundle"], info["num_labels"], info["pattern"], info["num_clips"]) == ("bundle", 7, "1:2", 5)
        assert served.ask("GET", "/page/../app.py")[0].status == 404
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"host": "0.0.0.0"}, "host is '0.0.0.0', which other machines may reach, and there is no token"),
        ({"host": "example.org"}, "host is 'example.org', which other machines may reach"),
        ({"port": 70000}, "port is 70000; it must be at most 65535"),
        ({"token": "é"}, "token is empty or has characters"),
        ({"token": " "}, "token is empty or has characters"),
        ({"root": Path("/nowhere")}, "root is '/nowhere', which is no folder"),
        ({"queue": -1}, "queue is -1; it must be at least 0"),
        ({"decode_seconds": 0}, "decode_seconds is 0; it must be a number above 0"),
        ({"upload_megabytes": 0}, "upload_megabytes is 0; it must be at least 1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match="^" + sentence.replace("(", r"\(")):
        ServeConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert ServeConfig(host=host).token is None
    assert ServeConfig(host="0.0.0.0", token="t").token == ServeConfig(host="0.0.0.0", token="t").token
    assert "secret" not in repr(ServeConfig(token="secret"))
