"""Do the exported graphs answer as the bundle does? Asked of every export, because a network may be anybody's.

Shapes: B = 1 video, N clips of noise, C colours, T frames of a clip, S side of the crop, K classes.
"""

import json
from pathlib import Path

import numpy as np
import torch

from faster_video.bundle import Bundle
from faster_video.errors import ExportError
from faster_video.export.description import DESCRIPTION
from faster_video.export.graphs import Graph
from faster_video.export.run_video import answers, load_graphs
from faster_video.pattern import Pattern

TOLERANCE = 1e-4
"""Largest difference of a probability."""
NUM_CLIPS = 4
"""Each network sees two of them, in turns: one that remembers the first is found out by the second."""


def require_equal(bundle: Bundle, graphs: list[Graph], folder: Path) -> float:
    """Run clips through the graphs in `folder`; the largest difference of a probability from the bundle's, calibrated.

    Raises:
        ExportError: it is above `TOLERANCE`, or an answer is no number.
    """
    size = graphs[0].inputs["clip"].shape
    clips = torch.randn(NUM_CLIPS, *size, generator=torch.Generator().manual_seed(0))  # [N, B, C, T, S, S]
    in_turns = Pattern(1, 1)
    with torch.inference_mode():
        by_model = bundle.model.with_gate(None).with_pattern(in_turns)(clips.transpose(0, 1))[0].double()  # [N, K]
        wanted = (by_model / bundle.config.calibration.temperature).softmax(dim=-1).numpy()
    about = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    about["pattern"] = {"expensive": in_turns.expensive, "cheap": in_turns.cheap}
    found = [probabilities for _, probabilities in answers(load_graphs(folder, about), about, clips.numpy())]
    difference = float(np.abs(np.stack(found) - wanted).max())
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the exported graphs give probabilities that differ by {difference:.1g} from the bundle's, and at most "
            f"{TOLERANCE} is allowed; its networks must do the same with every clip, whatever came before"
        )
    return difference
