"""Label a video with the graphs beside this file: with NumPy, PyAV and what runs the graphs, and nothing else.

python run_video.py VIDEO

It prints JSON. Install numpy and av, and for .onnx onnxruntime, for .xml openvino, for .pt2 torch.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

Graphs = dict[str, Callable[..., list[Any]]]


def main(folder: Path, video: str) -> None:
    """The answer after every clip, and the five most probable labels after the last one."""
    about = json.loads((folder / "graphs.json").read_text("utf-8"))
    labels, clips = about["labels"], []
    run = load_graphs(folder, about)
    for network, probabilities in answers(run, about, clips_of(video, about["clips"], about["pixels"])):
        best = int(probabilities.argmax())
        clips.append({"network": network, "label": labels[best], "probability": float(probabilities[best])})
    ranked = probabilities.argsort()[::-1][:5]
    last = [{"label": labels[each], "probability": float(probabilities[each])} for each in ranked]
    print(json.dumps({"labels": last, "clips": clips}, indent=2))


def answers(run: Graphs, about: dict[str, Any], clips: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """After each clip [1, 3, T, S, S]: which network saw it, and the probability [K] of every label so far."""
    expensive, cheap = about["pattern"]["expensive"], about["pattern"]["cheap"]
    state = np.zeros(about["graphs"]["step"]["inputs"][1]["shape"], np.float32)
    for number, clip in enumerate(clips):
        place = number if cheap is None else number % (expensive + cheap)
        network = "expensive" if place < expensive else "cheap"
        (evidence,) = run[network](clip)
        probabilities, state = run["step"](evidence, state, np.array([number == 0]))
        yield network, probabilities[0]


def load_graphs(folder: Path, about: dict[str, Any]) -> Graphs:
    """The graphs, each as a function from its inputs to its outputs, arrays in the order of graphs.json."""
    return {name: load_graph(folder / graph["file"]) for name, graph in about["graphs"].items()}


def load_graph(file: Path) -> Callable[..., list[Any]]:
    """One of them, with the runtime that the file is for."""
    if file.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(file)
        names = [each.name for each in session.get_inputs()]
        return lambda *inputs: session.run(None, dict(zip(names, inputs, strict=True)))
    if file.suffix == ".xml":
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would report every start
        import openvino

        model = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda *inputs: [np.array(each) for each in model(inputs).values()]
    import torch

    module = torch.export.load(file).module()
    return torch.no_grad()(lambda *inputs: [each.numpy() for each in module(*map(torch.from_numpy, inputs))])


def clips_of(video: str, clips: dict[str, int], pixels: dict[str, Any]) -> Iterator[Any]:
    """The clips that the graphs want, float32 [1, 3, T, S, S] each, spread evenly over the video."""
    with av.open(video) as container:
        count = sum(1 for _ in container.decode(video=0))
    stride, length = clips["frame_stride"], clips["frames_per_clip"]
    room, gaps = max(count - (length - 1) * stride - 1, 0), max(clips["num_clips"] - 1, 1)
    starts = [(2 * number * room + gaps) // (2 * gaps) for number in range(clips["num_clips"])]
    frames = [[min(start + step * stride, count - 1) for step in range(length)] for start in starts]
    wanted = {number for clip in frames for number in clip}
    with av.open(video) as container:
        numbered = enumerate(container.decode(video=0))
        pictures = {number: picture(frame, pixels) for number, frame in numbered if number in wanted}
    for clip in frames:
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
    main(Path(__file__).parent, sys.argv[1])
