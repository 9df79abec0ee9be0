"""What a feature store's folder holds, and `store.json` in it (docs/features.md "Layout").

    STORE/
      store.json                   what was asked for, every shard's SHA-256, the videos that are not in it and why
      index.parquet                one row per stored feature map
      shards/00000.safetensors     the maps of some videos, [rows, t, h, w, D] float16 for each network
      shards/00000.json            which views they are, their seconds, the shard's SHA-256

Shapes: N clips per video, D channels, t h w feature map.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import dacite
import torch

from faster_video.backbones import Backbone
from faster_video.bundle import FROM_JSON
from faster_video.clips import clip_starts
from faster_video.config import ClipConfig, TransformConfig, require_at_least, require_at_most, require_choice
from faster_video.errors import ConfigError, StoreError
from faster_video.files import printable, replacing_file
from faster_video.pattern import Pattern

SETTINGS = "store.json"
INDEX = "index.parquet"
SHARDS = "shards"
FORMAT = "faster_video features 1"
NETWORKS = ("expensive", "cheap")
TEST = -1
"""Number of the test view; the random ones are 0 … M-1."""
BYTES_PER_VALUE = 2
"""Of float16."""


Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def view_name(view: int) -> str:
    """A view as the index and the messages write it: `test`, or the number of a random one."""
    return "test" if view == TEST else str(view)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkLayout:
    """What one network contributes to every view."""

    channels: int
    """D of its maps, before any projection."""
    sha256: str
    """`backbone_sha256` of its weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredShard:
    """One file of maps, as `store.json` knows it."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableView:
    """A view that is not in the store because its video could not be read."""

    number: int
    """The video's place in the list, from 0."""
    video: str
    label: str
    view: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingVideo:
    """A video of the list whose file was on no disk."""

    number: int
    """The video's place in the list, from 0."""
    video: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreConfig:
    """What `store.json` holds: all that fixes the maps, and once they are complete, what proves them sound."""

    format: str = FORMAT
    list_path: str
    list_sha256: str
    part: str = ""
    """Of a list that has several: `train`, `test` or `all`; empty where it has no parts."""
    num_videos: int
    """All of the list, missing ones too."""
    views: int
    """Random training views of every video, M."""
    test_view: bool = True
    """Whether there is a test view besides; only what `reproduce` learns from has none."""
    seed: int
    clips: ClipConfig
    transform: TransformConfig
    pattern: str
    networks: str
    """`pattern`: of each clip the map of the network that the pattern wants; `both`: of each clip both maps."""
    map_size: tuple[int, int, int]
    """t, h, w of every map."""
    expensive: NetworkLayout
    cheap: NetworkLayout
    precision: str = "32-true"
    """What the networks computed in; the maps are float16 whatever it was."""
    videos_per_shard: int
    complete: bool = False
    index_sha256: str = ""
    shards: list[StoredShard] = field(default_factory=list)
    unreadable: list[UnreadableView] = field(default_factory=list)
    missing: list[MissingVideo] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"format is {self.format!r}; this version reads {FORMAT!r}")
        require_choice("networks", self.networks, ("pattern", "both"))
        require_at_least("views", self.views, 0)
        require_at_most("views", self.views, 4096)
        require_at_least("seed", self.seed, 0)
        Pattern.parse(self.pattern)

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when an extraction is resumed."""
        found = ("list_path", "complete", "index_sha256", "shards", "unreadable", "missing", "videos_per_shard")
        return {name: value for name, value in asdict(self).items() if name not in found}

    @property
    def num_shards(self) -> int:
        """Files of maps."""
        return -(-self.num_videos // self.videos_per_shard)

    def network(self, name: str) -> NetworkLayout:
        """The network called `expensive` or `cheap`."""
        return self.expensive if name == "expensive" else self.cheap

    def stored_clips(self, network: str) -> list[int]:
        """Numbers of the clips, of N, whose map from this network a view has, in the order of its rows."""
        flags = Pattern.parse(self.pattern).flags(self.clips.num_clips)
        return [clip for clip, flag in enumerate(flags) if self.networks == "both" or flag == (network == "expensive")]

    def map_bytes(self, network: str) -> int:
        """Bytes of one map of this network."""
        steps, height, width = self.map_size
        return steps * height * width * self.network(network).channels * BYTES_PER_VALUE

    @property
    def view_bytes(self) -> int:
        """Bytes of all maps of one view."""
        return sum(len(self.stored_clips(network)) * self.map_bytes(network) for network in NETWORKS)

    @property
    def video_bytes(self) -> int:
        """Bytes of all maps of one video: its test view, if there is one, and the M random ones."""
        return (self.test_view + self.views) * self.view_bytes

    def shard_videos(self, shard: int) -> range:
        """Numbers of the videos whose maps are in a shard."""
        first = shard * self.videos_per_shard
        return range(first, min(first + self.videos_per_shard, self.num_videos))


def shard_path(folder: Path, shard: int) -> Path:
    """The file of maps number `shard` of a store."""
    return folder / SHARDS / f"{shard:05d}.safetensors"


def even_clips(stored: int, wanted: int) -> list[int]:
    """Which of `stored` clips stand for `wanted` ones: spread evenly, the first and the last among them.

    Where more are wanted than there are, some repeat. Raises `ConfigError` for numbers below 1.
    """
    return clip_starts(stored, wanted, 1)


def backbone_sha256(backbone: Backbone) -> str:
    """Identity of a clip network: of its weights and statistics, whatever device or layout in memory they have.

    Its own classifier is left out: no feature map depends on it.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(backbone.state_dict().items()):
        if not name.startswith("classifier."):
            values = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
            digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def is_store(path: Path) -> bool:
    """Whether `path` is a folder that `extract` has written to."""
    return (path / SETTINGS).is_file()


def write_config(folder: Path, config: StoreConfig) -> None:
    """Write `store.json`, whole or not at all. Raises OSError."""
    with replacing_file(folder / SETTINGS) as aside:
        aside.write_text(json.dumps(asdict(config), indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_config(folder: Path) -> StoreConfig:
    """Read `store.json`.

    Raises:
        StoreError: it is missing, or not what `write_config` wrote.
    """
    path = folder / SETTINGS
    try:
        values = json.loads(path.read_text("utf-8"))
        return dacite.from_dict(StoreConfig, values, dacite.Config(strict=True, type_hooks=FROM_JSON))
    except FileNotFoundError as error:
        found = "holds no feature store" if folder.is_dir() else "does not exist"
        raise StoreError(
            f"{printable(folder)}: {found} ({SETTINGS} is missing); faster-video extract writes one"
        ) from error
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, dacite.DaciteError) as error:
        raise StoreError(
            f"{printable(path)}: is not a feature store's settings: {error}; extract again into a new folder"
        ) from error
