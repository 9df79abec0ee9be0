"""A network published elsewhere in the place of a backbone: it sees the frames, size and colours that it is used to.

Shapes: B clips, T S frames of a clip and their side, k s those that the network sees, D channels, t h w feature map,
K classes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones.blocks import PooledClassifier
from faster_video.backbones.published.spec import InputRules, PublishedNetwork
from faster_video.config import SMALLEST_SIDE, BackboneConfig, TransformConfig
from faster_video.errors import ConfigError


class PublishedBackbone(nn.Module):
    """A published network, its weights under the published names below `network`, with the head that is asked for.

    Of a clip's frames it looks at as many as it is used to, evenly spread; resized to its own side, and with its own
    mean and deviation instead of those of `TransformConfig`.
    """

    def __init__(
        self,
        network: PublishedNetwork,
        *,
        rules: InputRules,
        map_size: tuple[int, int, int],
        config: BackboneConfig,
        num_classes: int,
    ) -> None:
        """Wrap the network; `map_size` (t, h, w) is that of its map of k frames."""
        super().__init__()
        self.network = network
        self.channels = network.channels
        self.frames = config.frames or rules.frames
        self.map_size = _pooled(map_size, config.pooled_size)
        self.scale = config.scale
        self.side = rules.crop_size
        """Of the square that the network sees, in pixels."""
        self._name = config.name
        self._pools = self.map_size != map_size
        self._colours = _recoloured(rules)
        self._colours_on_gpu: dict[torch.device, list[Tensor]] = {}
        linear = config.head == "linear"
        self.classifier: PooledClassifier = (
            PooledClassifier(self.channels, num_classes) if linear else _OwnHead(network, config.scale)  # type: ignore[assignment]
        )

    def forward(self, clip: Tensor) -> Tensor:
        """Feature map of a clip: [B, 3, T, S, S] to [B, D, t, h, w]."""
        seen = evenly(self.frames, clip.shape[2])
        if len(seen) < clip.shape[2]:
            clip = torch.stack([clip[:, :, number] for number in seen], dim=2)  # [B, 3, k, S, S]
        if clip.shape[3] != self.side:
            images = clip.transpose(1, 2).flatten(0, 1)  # [B*k, 3, S, S]
            small = functional.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
            clip = small.unflatten(0, (-1, clip.shape[2])).transpose(1, 2)  # type: ignore[no-untyped-call]
        factor, shift = self._colours_beside(clip)
        maps: Tensor = self.network(clip * factor + shift)
        if self._pools:
            maps = functional.adaptive_avg_pool3d(maps, self.map_size)
        return maps * self.scale

    def _colours_beside(self, clip: Tensor) -> list[Tensor]:
        """Factor and shift of each colour where the clip is; a GPU is sent them once, for which it must be waited."""
        made = self._colours_on_gpu.get(clip.device) or [
            clip.new_tensor(values)[:, None, None, None] for values in self._colours
        ]
        if clip.is_cuda:
            self._colours_on_gpu[clip.device] = made
        return made

    def feature_size(self, _frames: int, _height: int, _width: int) -> tuple[int, int, int]:
        """Size (t, h, w) of the feature map, whatever the clip's."""
        return self.map_size

    def require_clip(self, shape: torch.Size) -> None:
        """Refuse clips with too few frames, or whose frames are no squares.

        Raises:
            ConfigError: the shape is not [B, 3, T, S, S] with T at least the frames that are looked at, and S at least
                32.
        """
        if len(shape) == 5:
            _, colours, frames, height, width = shape
            if colours == 3 and frames >= self.frames and height == width >= SMALLEST_SIDE:
                return
        raise ConfigError(
            f"a clip has shape {list(shape)}; it must be [videos, 3, frames, side, side] with frames at least "
            f"{self.frames}, which {self._name} looks at, and the side at least {SMALLEST_SIDE}"
        )


class _OwnHead(nn.Module):
    """A published head on maps that were scaled; its weights are the network's."""

    def __init__(self, network: PublishedNetwork, scale: float) -> None:
        super().__init__()
        self._network = (network,)  # in a tuple, so that its weights are not counted and kept twice
        self._scale = scale

    def forward(self, maps: Tensor) -> Tensor:
        """[B, D, t, h, w] to [B, K]."""
        return self._network[0].classifier(maps / self._scale)  # type: ignore[no-any-return]


def evenly(count: int, frames: int) -> list[int]:
    """`count` of the numbers below `frames`, in the middle of as many equal parts."""
    return [(2 * number + 1) * frames // (2 * count) for number in range(count)]


def _pooled(size: tuple[int, int, int], wanted: tuple[int, int, int]) -> tuple[int, int, int]:
    time, height, width = (want or side for side, want in zip(size, wanted, strict=True))
    return time, height, width


def _recoloured(rules: InputRules) -> tuple[list[float], list[float]]:
    """Factor and shift of each colour, from the usual ones to the network's."""
    usual = TransformConfig()
    colours = zip(usual.mean, usual.std, rules.mean, rules.std, strict=True)
    factors, shifts = zip(
        *((usual_std / std, (usual_mean - mean) / std) for usual_mean, usual_std, mean, std in colours), strict=True
    )
    return list(factors), list(shifts)
