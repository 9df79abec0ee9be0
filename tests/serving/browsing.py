"""A real server and a real browser for the tests of the page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from serving_samples import serving

from faster_video.datasets.motion import render
from faster_video.datasets.motion_config import long
from faster_video.inference import Classification, Classifier, load
from faster_video.serving.config import ServeConfig
from faster_video.streaming import SegmentJoiner, StreamAnswer
from faster_video.streaming.segments import as_cue
from faster_video.video import write_video

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: the page is not tested; install chromium")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
]
SPY = """
window.violations = [];
window.tracks = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + event.blockedURI));
if (navigator.mediaDevices) {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const media = await real(wanted);
    tracks.push(...media.getTracks());
    return media;
  };
}
"""
expect.set_options(timeout=60_000)
LABEL = '<img src=x onerror=alert(1)> "quoted" & =1+1 🎬 \U0001f9d1\u200d\U0001f373 '


class Visit:
    """Pages of one browser on one server; at the end nothing may have gone elsewhere or wrong."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self.address = browser, address
        self.problems: list[str] = []
        self.posts = 0

    def open(self, *, width: int = 1100, height: int = 800, dark: bool = False, before: str = "") -> Page:
        """The page, once it knows what the server runs; `before` is a script that comes first."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            base_url=self.address,
        )
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.add_init_script(SPY + before)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self._see(request.url, request.method))
        page.on("websocket", lambda socket: self._see(socket.url, "WS"))
        page.goto("/")
        expect(page.locator("#about")).to_contain_text("label")
        return page

    def close(self, page: Page) -> None:
        """Leave a page."""
        self.problems += page.evaluate("violations")
        page.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource") and "/v1/" in message.location["url"]
        if message.type in ("error", "warning") and not refused:
            self.problems.append(message.text)

    def _see(self, url: str, method: str) -> None:
        self.posts += method == "POST"
        if not url.startswith((self.address, self.address.replace("http", "ws", 1), "blob:" + self.address)):
            self.problems.append(f"asked {url}")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless Chromium with a made-up camera."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Visit]:
    """Look at a server."""
    visit = Visit(browser, address)
    yield visit
    for context in browser.contexts:
        for page in context.pages:
            visit.close(page)
    assert visit.problems == []


class Settings(TypedDict, total=False):
    """Those of `ServeConfig` that the tests change."""

    token: str
    stream_silence_seconds: float
    upload_megabytes: int
    at_once: int
    queue: int


@contextmanager
def serving_at(classifier: Classifier, **settings: Unpack[Settings]) -> Iterator[str]:
    """The address of a server."""
    with serving(ServeConfig(port=0, **settings), classifier) as served:
        yield f"http://{served.address}"


def motion_classifier(pattern: str = "1:3") -> Classifier:
    """The packaged bundle on one core."""
    return load("motion", pattern=pattern, device="cpu")


def oddly_named() -> Classifier:
    """The same with labels that a page must not take for anything but text."""
    bundle = motion_classifier().bundle
    labels = [LABEL + name for name in bundle.labels]
    return Classifier(replace(bundle, config=replace(bundle.config, labels=labels)), "cpu")


def write_motion(path: Path, codec: str = "libvpx", crf: int | None = None) -> Path:
    """A made-up video with several segments, in a kind that every Chromium plays if not told otherwise."""
    frames = render(("left",), long(), np.random.default_rng(8))
    write_video(path, frames.repeat(2, 1).repeat(2, 2), 25, codec=codec, crf=crf)
    return path


def joined(expected: Classification) -> list[tuple[float, str, str]]:
    """Start, cue and label of every segment, by what the command line joins and writes."""
    joiner, segments = SegmentJoiner(), []
    for number, clip in enumerate(expected.clips):
        answer = StreamAnswer(
            **clip.as_dict(),  # type: ignore[arg-type]
            number=number,
            covered_seconds=0,
            smoothed_label=clip.label,
            smoothed_probability=clip.probability,
            probabilities=[],
            latency_seconds=0,
            clips_dropped=0,
            resets=0,
        )
        segments.append(joiner.add(answer))
    segments.append(joiner.finish())
    return [(segment.start_seconds, as_cue(segment), segment.label) for segment in segments if segment]
