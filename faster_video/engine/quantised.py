"""Clip networks in int8: NNCF's quantisation after training, which learns from videos how large the maps' values get.

Shapes: C colours, T frames of a clip, S side of the crop.
"""

import logging
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor

from faster_video import __version__
from faster_video.backbones import ClipResNet
from faster_video.engine.kept import key_of, network_key, own_folder
from faster_video.engine.openvino import converted, load_openvino, save
from faster_video.errors import EngineError


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Clips that are like those to come."""

    key: str
    """Says which they are."""
    count: int
    clips: Iterable[Tensor]
    """float32 [1, C, T, S, S] each, normalised; gone through several times."""

    def quantised(self, network: ClipResNet) -> Path:
        """The file of the network in OpenVINO's form with int8 convolutions, made now or kept from before.

        Raises:
            EngineError: OpenVINO or NNCF is not installed, or there is no folder to keep the network in.
            DataError: no clip can be read.
        """
        openvino = load_openvino()
        try:
            import nncf
        except ImportError as error:
            raise EngineError(
                "precision int8 needs NNCF, which is not installed; pip install 'faster-video[int8]'"
            ) from error
        versions = (__version__, torch.__version__, openvino.__version__, nncf.__version__)
        file = own_folder("openvino") / f"{key_of(network_key(network), self.key, *versions)}-int8.xml"
        if not file.exists():
            nncf.set_log_level(logging.ERROR)
            model = openvino.Core().read_model(converted(network))
            clips = nncf.Dataset(self.clips, Tensor.numpy)
            with redirect_stdout(StringIO()):  # where NNCF draws bars
                made = nncf.quantize(model, clips, subset_size=self.count)
            save(made, file)
        return file
