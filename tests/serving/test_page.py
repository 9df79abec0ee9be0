"""The page with a video: what readers see, hear and take home, in a real browser against a real server."""

import csv
import io
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import av
import pytest
from browsing import (
    LABEL,
    Visit,
    browsing,
    joined,
    motion_classifier,
    needs_chromium,
    oddly_named,
    serving_at,
    visiting,
    write_motion,
)
from contrast import LOWEST, POOR
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect
from serving_samples import Served, wait_for

from faster_video.inference import Classification, Classifier
from faster_video.serving.jobs import Jobs

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return motion_classifier()


@pytest.fixture(scope="module")
def address(classifier: Classifier) -> Iterator[str]:
    with serving_at(classifier, upload_megabytes=1) as address:
        yield address


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion(tmp_path_factory.mktemp("videos") / "left, of course.webm")


@pytest.fixture(scope="module")
def expected(classifier: Classifier, video: Path) -> Classification:
    return classifier.classify(video)


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as visit:
        yield visit


def give(page: Page, path: Path) -> None:
    page.set_input_files("#file", path)


def shown(page: Page, path: Path) -> Page:
    """The page when all is known about a video."""
    give(page, path)
    expect(page.locator("#done")).to_be_visible()
    return page


def slow(line: CDPSession, *, up: int = -1, down: int = -1) -> None:
    """Bytes per second to the server and back; as many as there can be if not told otherwise."""
    settings = {"offline": False, "latency": 0, "uploadThroughput": up, "downloadThroughput": down}
    line.send("Network.emulateNetworkConditions", settings)


def position(page: Page) -> float:
    return float(page.evaluate("document.getElementById('video').currentTime"))


def has_focus(place: Locator) -> bool:
    return bool(place.evaluate("(element) => element === document.activeElement"))


def download(page: Page, button: str) -> tuple[str, str]:
    """Name and text of what a button saves."""
    with page.expect_download() as started:
        page.locator(button).press("Enter")
    return started.value.suggested_filename, Path(started.value.path()).read_bytes().decode()


def test_a_video_is_sent_answered_clip_by_clip_and_told_as_classify_tells_it(
    visit: Visit, video: Path, expected: Classification
) -> None:
    page = visit.open()
    line = page.context.new_cdp_session(page)
    slow(line, up=video.stat().st_size, down=30_000)
    give(page, video)
    expect(page.locator("#upload-words")).to_have_text(re.compile(r"^Sending [1-9]"))
    expect(page.locator("#upload-words")).to_have_text(re.compile(r"^Clip \d+ of 32"))
    expect(page.locator("#cancel")).to_be_visible()
    assert 0 < page.locator("#timeline .expensive").count() < 9  # the timeline grows
    slow(line)
    expect(page.locator("#done")).to_be_visible()
    expect(page.locator("#work .best")).to_have_text(expected.label)
    names = page.locator("#work .likely .label").all_inner_texts()
    assert names == [label for label, _ in expected.labels[:5]]
    assert page.locator("#timeline rect.expensive").count() == sum(clip.expensive for clip in expected.clips)
    assert page.locator("#timeline rect.cheap").count() == sum(not clip.expensive for clip in expected.clips)
    share = f"{expected.gmacs / expected.gmacs_all_expensive:.1%}".replace("%", "\u00a0%")
    expect(page.locator("#work .cost")).to_contain_text(share)
    expect(page.locator("#announcement")).to_have_text(re.compile(f"^Done: {expected.label}, "))
    assert page.locator("#clips-table tr").count() == len(expected.clips)


def test_a_click_on_segment_or_picture_seeks(visit: Visit, video: Path, expected: Classification) -> None:
    page = shown(visit.open(), video)
    segments = joined(expected)
    assert len(segments) > 1
    buttons = page.locator("#segments button")
    assert [text.split("\n")[1] for text in buttons.all_inner_texts()] == [segment[2] for segment in segments]
    buttons.nth(1).click()
    assert position(page) == pytest.approx(segments[1][0], abs=0.05)
    assert buttons.nth(1).get_attribute("aria-current") == "true"
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    page.locator("#timeline").click(position={"x": (44 + box["width"] - 14) / 2, "y": 60})
    assert position(page) == pytest.approx(expected.video_seconds / 2, abs=0.05)
    expect(page.locator("#readout")).to_contain_text(re.compile(r"after clip 1\d "))


def test_all_can_be_done_with_keys(visit: Visit, video: Path, expected: Classification) -> None:
    page = visit.open()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        assert has_focus(page.locator("#choose"))
        page.keyboard.press("Enter")
    chooser.value.set_files(video)
    expect(page.locator("#done")).to_be_visible()
    slider = page.locator("#timeline")
    for _ in range(12):  # past the player's own controls
        page.keyboard.press("Tab")
        if has_focus(slider):
            break
    assert has_focus(slider)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    second = expected.clips[1]
    assert position(page) == pytest.approx(second.end_seconds, abs=0.05)
    assert re.search(rf"^{second.label} .*after clip 2 .*, at 0:01$", slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("End")
    assert position(page) == pytest.approx(expected.video_seconds, abs=0.1)
    page.keyboard.press("Home")
    assert position(page) == 0
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    buttons = page.locator("#segments button")
    assert has_focus(buttons.nth(1))
    page.keyboard.press("Enter")
    assert position(page) == pytest.approx(joined(expected)[1][0], abs=0.05)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_downloads_hold_the_answers(visit: Visit, video: Path, expected: Classification) -> None:
    page = shown(visit.open(), video)
    name, text = download(page, "#save-json")
    assert name == "left, of course.json"
    result: dict[str, Any] = json.loads(text)
    assert [clip["label"] for clip in result["clips"]] == [clip.label for clip in expected.clips]
    assert result["gmacs"] == pytest.approx(expected.gmacs)
    rows = list(csv.DictReader(io.StringIO(download(page, "#save-csv")[1], newline="")))
    for row, clip in zip(rows, expected.clips, strict=True):
        assert (row["label_1"], row["network"]) == (clip.label, "expensive" if clip.expensive else "cheap")
        assert float(row["probability_1"]) == pytest.approx(clip.probability, abs=1e-4)
        assert float(row["end_seconds"]) == clip.end_seconds
    name, text = download(page, "#save-vtt")
    assert (name, text) == ("left, of course.vtt", "WEBVTT\n\n" + "".join(cue for _, cue, _ in joined(expected)))


def test_labels_are_text_and_no_formulas(browser: Browser, video: Path) -> None:
    with serving_at(oddly_named()) as address, visiting(browser, address) as visit:
        page = shown(visit.open(width=320), video)
        expect(page.locator("#work .best")).to_contain_text(LABEL.strip())
        assert page.locator("main img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        (row, *_) = csv.DictReader(io.StringIO(download(page, "#save-csv")[1], newline=""))
        assert row["label_1"].startswith(LABEL)
        assert '&lt;img src=x onerror=alert(1)&gt; "quoted" &amp; =1+1' in download(page, "#save-vtt")[1]
        formula = "{clips: [{labels: [{label: '=1+1', probability: 1}]}]}"
        rows = page.evaluate(f"import('/page/download.js').then((module) => module.asCsv({formula}))")
        assert rows.endswith('"\'=1+1",1\r\n')


def test_what_is_no_video_is_told_and_another_can_be_tried(visit: Visit, video: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.mp4"
    wrong.write_text("no video at all\n" * 99)
    page = visit.open()
    give(page, wrong)
    expect(page.locator("#problem-sentence")).to_contain_text("notes.mp4: not a video file that can be read")
    assert page.locator("#problem").get_attribute("role") == "alert"
    page.locator("#problem-retry").click()
    expect(page.locator("#problem-sentence")).to_be_visible()
    shown(page, video)
    expect(page.locator("#problem")).to_be_hidden()


def test_too_large_and_empty_files_are_not_sent(visit: Visit, tmp_path: Path) -> None:
    large, empty = tmp_path / "large.mp4", tmp_path / "empty.mp4"
    large.write_bytes(bytes((1 << 20) + 1))
    empty.touch()
    page = visit.open()
    give(page, large)
    expect(page.locator("#problem-sentence")).to_contain_text("takes 1\u00a0MB at most")
    give(page, empty)
    expect(page.locator("#problem-sentence")).to_have_text("empty.mp4 is empty.")
    assert visit.posts == 0


def test_a_busy_server_says_how_long_to_wait(
    browser: Browser, classifier: Classifier, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, usual = Event(), Jobs._classified

    def held(jobs: Jobs, *others: object) -> object:
        assert go.wait(300)
        return usual(jobs, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Jobs, "_classified", held)
    with serving_at(classifier, at_once=1, queue=0) as address, visiting(browser, address) as visit:
        page = visit.open()
        served = Served(int(address.rpartition(":")[2]), classifier)
        other = Thread(target=served.classify, args=(video.read_bytes(),))
        other.start()
        wait_for(lambda: served.counted("faster_video_waiting") == 1)
        give(page, video)
        expect(page.locator("#problem-heading")).to_have_text("The server is busy")
        expect(page.locator("#problem-sentence")).to_contain_text(re.compile(r"Try again (in \d+.second|now)"))
        go.set()
        other.join()
        page.locator("#problem-retry").click()
        expect(page.locator("#problem-heading, #another").filter(visible=True)).to_have_text("Another video")


def test_a_token_is_asked_for_and_kept_in_the_tab_only(browser: Browser, classifier: Classifier, video: Path) -> None:
    with serving_at(classifier, token="sesame") as address, visiting(browser, address) as visit:
        page = visit.open()
        give(page, video)
        assert has_focus(page.get_by_label("Token", exact=True))
        page.keyboard.type("abracadabra\n")
        expect(page.locator("#token-sentence")).to_have_text("That was not the token.")
        page.get_by_label("Token", exact=True).fill("Sésam, öffne dich")  # which no header can hold
        page.keyboard.press("Enter")
        expect(page.locator("#token-sentence")).to_have_text("A token has ASCII's letters, digits and signs only.")
        page.get_by_label("Token", exact=True).fill("sesame")
        page.keyboard.press("Enter")
        expect(page.locator("#done")).to_be_visible()
        assert page.evaluate("[Object.values(sessionStorage), localStorage.length]") == [["sesame"], 0]
        assert page.context.cookies() == []


def test_a_video_whose_length_a_browser_does_not_know_is_classified(
    visit: Visit, video: Path, expected: Classification, tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded.webm"  # as browsers record: without a length
    with av.open(str(video)) as source, av.open(str(recorded), "w", options={"live": "1"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    page = visit.open()
    lengths = "(video) => { window.lengths = []; video.ondurationchange = () => lengths.push(String(video.duration)); }"
    page.locator("#video").evaluate(lengths)
    shown(page, recorded)
    expect(page.locator("#work .best")).to_have_text(expected.label)
    assert page.evaluate("lengths[0]") == "Infinity"


def test_cancelling_ends_the_work_and_goes_back(visit: Visit, video: Path) -> None:
    page = visit.open()
    line = page.context.new_cdp_session(page)
    slow(line, up=20_000)
    give(page, video)
    expect(page.locator("#upload-words")).to_have_text(re.compile("^Sending"))
    page.locator("#cancel").click()
    expect(page.locator("#start")).to_be_visible()
    slow(line)
    wait_for(lambda: "faster_video_waiting 0" in metrics(page))
    shown(page, video)


def metrics(page: Page) -> str:
    return page.request.get("/metrics").text()


def test_a_file_can_be_dropped_and_one_that_does_not_play_has_a_timeline(visit: Visit, tmp_path: Path) -> None:
    avi = write_motion(tmp_path / "old.avi", "mpeg4")
    page = visit.open()
    given = page.evaluate_handle(
        """(text) => {
          const data = new DataTransfer();
          const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt());
          data.items.add(new File([bytes], "old.avi"));
          return data;
        }""",
        b64encode(avi.read_bytes()).decode(),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": given})
    expect(page.locator("#done")).to_be_visible()
    expect(page.locator("#unplayable")).to_be_visible()
    page.locator("#timeline").press("ArrowRight")
    expect(page.locator("#readout")).to_contain_text("after clip 1 (expensive)")


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_lines_stand_out_and_nothing_is_wider_than_a_phone(visit: Visit, video: Path, dark: bool) -> None:
    page = visit.open(width=320, height=600, dark=dark)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 128) == dark
    for step in (lambda: None, lambda: shown(page, video), lambda: page.locator("summary").click(), lambda: lose(page)):
        step()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert page.evaluate(POOR, LOWEST) == []


def lose(page: Page) -> None:
    page.route("**/v1/classify*", lambda route: route.abort())
    page.locator("#another").click()
    page.set_input_files("#file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"x"})
    expect(page.locator("#problem")).to_contain_text("cannot be reached")
