"""The page with a camera: answers while it runs, nothing left of it when it stops."""

from collections.abc import Iterator

import pytest
from browsing import Visit, browsing, motion_classifier, needs_chromium, serving_at, visiting
from contrast import LOWEST, POOR
from playwright.sync_api import Browser, Page, expect
from serving_samples import wait_for

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_at(motion_classifier(), stream_silence_seconds=3600) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as visit:
        yield visit


def with_answers(page: Page, count: int) -> Page:
    """The page with the camera running."""
    page.locator("#camera").click()
    wait_for(lambda: int(page.locator("#live-answers").inner_text()) >= count)
    return page


def streams(page: Page) -> int:
    """That are open on the server."""
    lines = page.request.get("/metrics").text().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("faster_video_streams "))))


def test_answers_come_and_stopping_lets_go_of_camera_and_socket(visit: Visit) -> None:
    page = with_answers(visit.open(), 4)
    assert streams(page) == 1
    assert page.locator("#live-chart rect.expensive").count() >= 1
    expect(page.locator("#live-answer .cost")).to_contain_text("GMACs per second")
    expect(page.locator("#live-latency")).to_contain_text("s")
    expect(page.locator("#live-answer .best")).not_to_have_text("…")
    page.locator("#stop").click()
    assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
    expect(page.locator("#live-words")).to_contain_text("The camera is off, after")
    wait_for(lambda: streams(page) == 0)
    page.locator("#live-again").click()
    wait_for(lambda: int(page.locator("#live-answers").inner_text()) >= 1)
    page.locator("#stop").click()


def test_no_more_than_fifteen_pictures_a_second_and_a_minute_are_kept(visit: Visit) -> None:
    page = with_answers(visit.open(), 2)
    sent_when = "[Number(document.querySelector('#live-sent').innerText), performance.now() / 1000]"
    before, began = page.evaluate(sent_when)
    page.wait_for_timeout(1000)
    after, ended = page.evaluate(sent_when)
    assert 0 < after - before <= 15 * (ended - began) + 5
    page.locator("#stop").click()
    kept = page.evaluate(
        """async () => {
          const { Live } = await import("/page/live.js");
          const { CameraStream } = await import("/page/camera.js");
          let listener;
          CameraStream.prototype.start = function () { listener = this.listener; };
          const live = new Live(() => {});
          live.start();
          const clip = { expensive: true, label: "a", smoothed_label: "a", smoothed_probability: 1, probability: 1,
            gmacs: 1, latency_seconds: 0.1, clips_dropped: 0, labels: [{ label: "a", probability: 1 }] };
          for (let second = 0; second < 300; second++)
            listener.onAnswer({ ...clip, number: second, start_seconds: second, end_seconds: second + 1 });
          await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
          return document.querySelectorAll("#live-chart rect.expensive").length;
        }"""
    )
    assert kept == 60


def test_leaving_the_page_closes_the_stream(visit: Visit) -> None:
    page = with_answers(visit.open(), 1)
    other = visit.open()
    assert streams(other) == 1
    page.goto("about:blank")
    wait_for(lambda: streams(other) == 0)


@pytest.mark.parametrize(
    "error, sentence",
    [("NotAllowedError", "The camera was not allowed"), ("NotFoundError", "No camera was found")],
)
def test_no_camera_is_told_in_a_sentence(visit: Visit, error: str, sentence: str) -> None:
    refusing = f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{error}'));"
    page = visit.open(before=refusing)
    page.locator("#camera").click()
    expect(page.locator("#problem-sentence")).to_contain_text(sentence)
    expect(page.locator("#choose")).to_be_visible()


def test_a_camera_that_is_taken_away_is_told(visit: Visit) -> None:
    page = with_answers(visit.open(), 1)
    page.evaluate("tracks[0].dispatchEvent(new Event('ended'))")
    expect(page.locator("#problem-sentence")).to_have_text("The camera was taken away.")
    wait_for(lambda: streams(page) == 0)


def test_a_wrong_token_is_told_and_the_camera_let_go(browser: Browser) -> None:
    with serving_at(motion_classifier(), token="sesame") as address, visiting(browser, address) as visit:
        page = visit.open()
        page.locator("#camera").click()
        page.get_by_label("Token", exact=True).fill("abracadabra")
        page.keyboard.press("Enter")
        expect(page.locator("#token-sentence")).to_have_text("That was not the token.")
        assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
        page.get_by_label("Token", exact=True).fill("sesame")
        page.keyboard.press("Enter")
        wait_for(lambda: int(page.locator("#live-answers").inner_text()) >= 1)


@pytest.mark.parametrize("dark", [False, True])
def test_the_camera_fits_a_phone_and_stands_out(visit: Visit, dark: bool) -> None:
    page = with_answers(visit.open(width=320, height=600, dark=dark), 2)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(POOR, LOWEST) == []
