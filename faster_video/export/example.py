"""Label a video with the graphs beside this file: python run_video.py VIDEO (with numpy, av, what `load` imports)."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np


def load(file: Path) -> Callable[..., list[Any]]:
    """A graph, from arrays to arrays in the order of graphs.json."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    names = [each.name for each in session.get_inputs()]
    return lambda *inputs: session.run(None, dict(zip(names, inputs, strict=True)))


def answers(run: dict[str, Any], about: dict[str, Any], clips: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """After each clip [1, 3, T, S, S]: which network saw it, and the probability [K] of every label so far."""
    expensive, cheap = about["pattern"]["expensive"], about["pattern"]["cheap"]
    state = np.zeros(about["graphs"]["step"]["inputs"][1]["shape"], np.float32)
    for number, clip in enumerate(clips):
        place = number if cheap is None else number % (expensive + cheap)
        network = "expensive" if place < expensive else "cheap"
        (evidence,) = run[network](clip)
        probabilities, state = run["step"](evidence, state, np.array([number == 0]))
        yield network, probabilities[0]


def clips_of(video: str, clips: dict[str, int], pixels: dict[str, Any]) -> Iterator[Any]:
    """The clips that the graphs want, float32 [1, 3, T, S, S] each, spread evenly over the video."""
    with av.open(video) as container:
        last = sum(1 for _ in container.decode(video=0)) - 1
    stride, length, gaps = clips["frame_stride"], clips["frames_per_clip"], max(clips["num_clips"] - 1, 1)
    room = max(last - (length - 1) * stride, 0)
    starts = [(2 * number * room + gaps) // (2 * gaps) for number in range(clips["num_clips"])]
    frames = [[min(start + step * stride, last) for step in range(length)] for start in starts]
    wanted = {number for clip in frames for number in clip}
    with av.open(video) as container:
        numbered = enumerate(container.decode(video=0))
        pictures = {number: picture(frame, pixels) for number, frame in numbered if number in wanted}
    for clip in frames if pictures else ():
        shown = np.stack([pictures[number] for number in clip]) / 255  # [T, S, S, 3]
        normal = (shown - pixels["mean"]) / pixels["std"]
        yield np.ascontiguousarray(normal.transpose(3, 0, 1, 2)[None], np.float32)


def picture(frame: av.VideoFrame, pixels: dict[str, Any]) -> Any:
    """A frame upright, its short side resized, the centre cut out: uint8 [S, S, 3]."""
    turns, plain = round(frame.rotation / 90), frame.reformat(format="rgb24")
    if frame.format.name in ("yuv420p", "yuvj420p") and frame.width % 2 == frame.height % 2 == 0:
        plain = av.VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)  # only its pixels
        plain.colorspace, plain.color_range = frame.colorspace, frame.color_range
    short = min(frame.width, frame.height)
    width, height = ((2 * side * pixels["short_side"] + short) // (2 * short) for side in (frame.width, frame.height))
    small = plain.reformat(width=width, height=height, interpolation="BILINEAR").to_ndarray(format="rgb24")
    upright, crop = np.rot90(small, turns), pixels["crop_size"]
    top, left = ((side - crop) // 2 for side in upright.shape[:2])
    return upright[top : top + crop, left : left + crop]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python run_video.py VIDEO")
    video, folder = sys.argv[1], Path(__file__).parent
    about = json.loads((folder / "graphs.json").read_text("utf-8"))
    run = {name: load(folder / graph["file"]) for name, graph in about["graphs"].items()}
    try:
        clips = [
            (network, [{"label": about["labels"][k], "probability": float(each[k])} for k in each.argsort()[::-1][:5]])
            for network, each in answers(run, about, clips_of(video, about["clips"], about["pixels"]))
        ]
        best = {"labels": clips[-1][1], "clips": [{"network": network, **ranked[0]} for network, ranked in clips]}
    except (av.FFmpegError, IndexError) as error:
        sys.exit(f"{video}: cannot be read: {getattr(error, 'strerror', 'it has no pictures')}")
    print(json.dumps(best, indent=2))
