import re
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import encode, pictures

from faster_video.errors import DecodeError
from faster_video.video import probe
from faster_video.video.diagnose import why_cut_off, why_no_video
from faster_video.video.verify import verify

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def noise(count: int) -> bytes:
    return np.random.default_rng(0).bytes(count)


def grainy(count: int, height: int = 96, width: int = 128) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Moving blocks under noise, so that each packet has enough bytes to be hit."""
    generator = np.random.default_rng(1)
    return [
        (picture // 2 + generator.integers(0, 64, picture.shape, np.uint8)).astype(np.uint8)
        for picture in pictures(count, height, width)
    ]


def packets(path: Path) -> list[tuple[int, int, float]]:
    """Place and size in the file of each packet, and the second at which its frame is shown."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        base = float(stream.time_base)
        start = stream.start_time or 0
        return [
            (packet.pos or 0, packet.size, (((packet.dts if packet.pts is None else packet.pts) or 0) - start) * base)
            for packet in container.demux(stream)
            if packet.size
        ]


FINE = {"qmin": "2", "qmax": "3"}
"""For encoders that would spend all bytes on the first frame."""
SOUND = {
    "a.mp4": "libx264",
    "a.mkv": "libx264",
    "a.ts": "libx264",
    "a.flv": "libx264",
    "a.avi": "libx264",
    "b.avi": "mpeg4",
    "c.avi": "mpeg2video",
    "d.avi": "msmpeg4",
    "b.mp4": "mpeg4",
    "c.mpg": "mpeg1video",
    "c.ts": "mpeg2video",
    "d.webm": "libvpx-vp9",
    "e.webm": "libvpx",
    "f.mp4": "libx265",
    "g.wmv": "wmv2",
    "h.mkv": "ffv1",
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_is_what_probe_says(tmp_path: Path, name: str) -> None:
    options = {"x265-params": "log-level=none"} if SOUND[name] == "libx265" else {}
    video = encode(tmp_path / name, pictures(40), SOUND[name], options=options)
    assert verify(video) == verify(str(video)) == probe(video)


def test_still_and_black_pictures_are_no_block_of_zeros(tmp_path: Path) -> None:
    black = [np.zeros((96, 128, 3), np.uint8)] * 40
    for name, codec in (("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "mpeg2video"), ("b.mp4", "libx265")):
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        assert verify(encode(tmp_path / name, black, codec, options=options)).num_frames == 40


@pytest.mark.parametrize("params", ["open-gop=1:keyint=12", "slices=4", "cabac=0", "interlaced=1", "intra-refresh=1"])
def test_less_usual_h264_is_no_damage(tmp_path: Path, params: str) -> None:
    assert verify(encode(tmp_path / "a.mp4", pictures(40), options={"x264-params": params})).num_frames == 40


@pytest.mark.parametrize("first", [7, 12, 25])
@pytest.mark.parametrize(
    "name, params", [("a.mp4", "keyint=24"), ("a.mp4", "open-gop=1:keyint=12"), ("a.ts", "bframes=3")]
)
def test_a_video_cut_out_of_a_longer_one_between_keyframes_is_no_damage(
    tmp_path: Path, name: str, params: str, first: int
) -> None:
    video = encode(tmp_path / name, pictures(60), options={"x264-params": params})
    part = tmp_path / f"part-{name}"
    with av.open(str(video)) as source, av.open(str(part), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None and number >= first:
                packet.stream = stream
                target.mux(packet)
    assert 0 < verify(part).num_frames <= 60 - first


@pytest.mark.parametrize("name, codec", [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "libx264")])
@pytest.mark.parametrize("number", [0, 17, 33])
def test_zeros_inside_a_frame_are_found_at_its_second(tmp_path: Path, name: str, codec: str, number: int) -> None:
    video = encode(tmp_path / name, grainy(40), codec, options=FINE if codec == "mpeg4" else {})
    place, size, second = packets(video)[number]
    overwrite(video, place + size // 2, bytes(48))
    assert probe(video).num_frames == 40  # the usual reader conceals it
    with pytest.raises(DecodeError) as caught:
        verify(video)
    assert re.fullmatch(
        rf"{re.escape(str(video))}: damaged at {second:.1f} s: .* \([0-9]+ of 40 frames hit\)", str(caught.value)
    )


@pytest.mark.parametrize("name, codec", [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "mpeg2video")])
def test_noise_over_several_frames_is_found_at_the_first(tmp_path: Path, name: str, codec: str) -> None:
    video = encode(tmp_path / name, grainy(60), codec, options=FINE if codec != "libx264" else {})
    place, size, second = packets(video)[30]
    overwrite(video, place + size // 2, noise(6000))
    with pytest.raises(DecodeError) as caught:
        verify(video)
    found = re.search(r"damaged at ([0-9.]+) s: .* frames hit\)$", str(caught.value))
    assert found and float(found[1]) == pytest.approx(second, abs=0.15)  # decoding order is not that of showing


@pytest.mark.parametrize("name, codec", [("a.avi", "mpeg4"), ("a.mp4", "mpeg4"), ("a.avi", "mpeg2video")])
def test_a_frame_whose_start_is_overwritten_is_not_passed_over(tmp_path: Path, name: str, codec: str) -> None:
    video = encode(tmp_path / name, grainy(40), codec, options=FINE)
    place, size, second = packets(video)[17]
    overwrite(video, place, noise(size))
    with pytest.raises(DecodeError) as caught:
        verify(video)
    found = re.search(r"damaged at ([0-9.]+) s: .* frames hit\)$", str(caught.value))
    assert found and float(found[1]) == pytest.approx(second, abs=0.15)  # an AVI has no times of showing


@pytest.mark.parametrize("name, codec", [("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")])
def test_frames_that_the_containers_reader_skips_are_found(tmp_path: Path, name: str, codec: str) -> None:
    video = encode(tmp_path / name, grainy(40), codec)
    place, _, second = packets(video)[20]  # of the container's own few bytes before the frame
    overwrite(video, place - 2, noise(16))
    level = av.logging.get_level()
    with pytest.raises(DecodeError) as caught:
        verify(video)
    found = re.search(r"damaged at ([0-9.]+) s: data before this frame cannot be read", str(caught.value))
    assert found and second <= float(found[1]) + 0.1 and av.logging.get_level() == level


def test_frames_that_an_avi_has_lost_whole_are_found_by_its_index(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.avi", grainy(40), "mjpeg", pixels="yuvj420p")
    places = packets(video)
    start = places[20][0] - 8  # with its chunk's header; every frame decodes without the others
    overwrite(video, start, bytes(places[22][0] - 8 - start))
    assert probe(video).num_frames < 40
    with pytest.raises(DecodeError, match=r"damaged at 0\.7 s: a frame is not where the file's index says"):
        verify(video)


def written(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


REFUSED: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "cut before the index": ("a.mp4", lambda path: cut(path, 3000), r"cut off: an MP4 without its index \(moov\).*"),
    "cut avi": ("a.avi", lambda path: cut(path, 9000), r"cut off: its header says [0-9,]+ bytes, but .* after 9,000"),
    "cut avi's header": ("a.avi", lambda path: cut(path, 300), r"cut off: its header says .* after 300"),
    "cut matroska": ("a.mkv", lambda path: cut(path, 9000), r"cut off: its header says [0-9,]+ bytes, but .* 9,000"),
    "empty": ("a.mp4", written(b""), "the file is empty"),
    "text": ("a.avi", written("Grüße\r\n".encode() * 99), "not a video: it is text"),
    "web page": ("a.mp4", written(b"<!DOCTYPE html><html>404</html>"), "not a video: it is a web page.*failed"),
    "zeros": ("a.mp4", written(bytes(9000)), "not a video: it begins with zero bytes.*"),
    "header zeroed": ("a.mp4", lambda path: overwrite(path, 0, bytes(600)), "not a video: it begins with zero bytes.*"),
    "header is noise": ("a.avi", lambda path: overwrite(path, 0, noise(5000)), "its header is damaged: .*"),
    "picture": ("a.mp4", written(b"\x89PNG\r\n\x1a\n" + noise(900)), "not a video file that can be read.*|has no.*"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_video_is_refused_in_plain_words(tmp_path: Path, kind: str) -> None:
    name, harm, reason = REFUSED[kind]
    video = encode(tmp_path / name, grainy(40), "mpeg4" if name.endswith("avi") else "libx264")
    harm(video)
    with pytest.raises(DecodeError) as caught:
        verify(video)
    assert re.fullmatch(f"{re.escape(str(video))}: {reason}", str(caught.value)), caught.value


def test_reasons_of_probe_are_kept(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"none\.mp4: No such file or directory"):
        verify(tmp_path / "none.mp4")
    with pytest.raises(DecodeError, match="is a folder, not a video file"):
        verify(tmp_path)


def test_sound_files_name_no_fault(tmp_path: Path) -> None:
    for name in ("a.avi", "a.mkv", "a.mp4"):
        video = encode(tmp_path / name, pictures(10), "mpeg4")
        assert why_cut_off(video) is None and why_no_video(video) is None
        with video.open("ab") as file:
            file.write(b"more")  # behind the end is nothing lost
        assert why_cut_off(video) is None
    live = tmp_path / "a.avi"
    for unknown in (0, 0xFFFFFFFF):  # as a recorder leaves it that was switched off
        overwrite(live, 4, unknown.to_bytes(4, "little"))
        assert why_cut_off(live) is None


@pytest.mark.slow
def test_no_false_alarm_on_real_videos() -> None:
    if not SHARED.exists():
        pytest.skip(f"the real videos are not at {SHARED}")
    paths = [path for path in sorted(SHARED.glob("*/**/*")) if path.suffix in (".avi", ".mp4")]
    assert len(paths) >= 360
    for path in paths:
        verify(path)
