"""Pictures of the server's page as Chromium shows it, for the documents and to be looked at after every change.

Start `faster-video serve`, then: python benchmarks/page_pictures.py http://127.0.0.1:8000 VIDEO docs/pictures/serving
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

WIDE, NARROW = ViewportSize(width=1120, height=860), ViewportSize(width=360, height=740)
VIDEO_COLOURS, FREQUENT_COLOURS, LINE_COLOURS = 110, 70, 70
PATIENCE = 60_000
CAMERA_SECONDS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("video", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        seen = as_camera(options.video, Path(folder) / "camera.y4m")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
                *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
                f"--use-file-for-fake-video-capture={seen}",
            ],
        )
        wrong = Path(folder) / "notes.mp4"
        wrong.write_text("no video at all\n" * 99)
        for name, (show, given) in STATES.items():
            page = opened(browser, options.address, name)
            show(page, wrong if given == "wrong" else options.video)
            save(page, options.out / f"{name}.png")
            page.context.close()
        browser.close()


def opened(browser: Browser, address: str, name: str) -> Page:
    """The page in a window as the state calls for."""
    context = browser.new_context(
        viewport=NARROW if name == "narrow" else WIDE, color_scheme="dark" if name == "dark" else "light"
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#about")).to_contain_text("label")
    return page


def empty(_page: Page, _video: Path) -> None:
    """As it comes."""


def in_progress(page: Page, video: Path) -> None:
    """Half of the clips are known: answers come no faster than they can be photographed."""
    line = page.context.new_cdp_session(page)
    page.set_input_files("#file", video)
    slow = {"offline": False, "latency": 0, "uploadThroughput": -1, "downloadThroughput": 500}
    line.send("Network.emulateNetworkConditions", slow)
    expect(page.locator("#upload-words")).to_have_text(re.compile("^Clip [3-6] "))


def done(page: Page, video: Path) -> None:
    """All is known; the video stands in its middle."""
    page.set_input_files("#file", video)
    expect(page.locator("#done")).to_be_visible()
    page.evaluate("document.getElementById('video').pause()")
    page.locator("#timeline").press("Home")
    for _ in range(5):
        page.locator("#timeline").press("ArrowRight")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(500)


def error(page: Page, wrong: Path) -> None:
    """A file that is no video."""
    page.set_input_files("#file", wrong)
    expect(page.locator("#problem")).to_be_visible()


def camera(page: Page, _video: Path) -> None:
    """The video stands before the camera."""
    page.locator("#camera").click()
    page.wait_for_timeout(1000 * CAMERA_SECONDS)


STATES: dict[str, tuple[Callable[[Page, Path], None], str]] = {
    "empty": (empty, "video"),
    "progress": (in_progress, "video"),
    "done": (done, "video"),
    "error": (error, "wrong"),
    "narrow": (done, "video"),
    "dark": (done, "video"),
    "camera": (camera, "video"),
}


def as_camera(video: Path, path: Path) -> Path:
    """The video's pictures, plain, as Chromium wants them for a camera."""
    with av.open(str(video)) as source, av.open(str(path), "w", format="yuv4mpegpipe") as target:
        stream = target.add_stream("rawvideo", rate=source.streams.video[0].average_rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = source.streams.video[0].width, source.streams.video[0].height
        stream.pix_fmt = "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode())
    return path


def save(page: Page, path: Path) -> None:
    """The whole page as a small PNG: colours for the video, and others for the rest, whose thin lines need theirs."""
    picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    rest, palette = picture.copy(), np.zeros((0, 3), np.int32)
    screen = page.locator(".screen").filter(visible=True)
    box = screen.bounding_box() if screen.count() else None
    if box is not None:
        corner = (round(box["x"]), round(box["y"]))
        edges = (*corner, round(box["x"] + box["width"]), round(box["y"] + box["height"]))
        palette = colours_of(picture.crop(edges).quantize(VIDEO_COLOURS))
        rest.paste("white", edges)
    flat, counts = np.unique(np.asarray(rest).reshape(-1, 3), axis=0, return_counts=True)
    frequent = flat[counts.argsort()[-FREQUENT_COLOURS:]].astype(np.int32)
    palette = np.concatenate([frequent, colours_of(rest.quantize(LINE_COLOURS, Image.Quantize.MAXCOVERAGE)), palette])
    colours, places = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_inverse=True)
    nearest = np.array([((palette - colour) ** 2).sum(1).argmin() for colour in colours.astype(np.int32)], np.uint8)
    small = Image.fromarray(nearest[places].reshape(picture.height, picture.width), "P")
    small.putpalette(palette.astype(np.uint8).tobytes())
    small.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def colours_of(picture: Image.Image) -> NDArray[np.int32]:
    """Of its palette: [colours, 3]."""
    return np.array(picture.getpalette() or [], np.int32).reshape(-1, 3)


if __name__ == "__main__":
    main()
