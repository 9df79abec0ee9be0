"""What a training run is."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from faster_video.bundle import Bundle
from faster_video.children import num_workers
from faster_video.config import Recipe, StageConfig, require_at_least, require_at_most, require_choice
from faster_video.datasets import VideoList
from faster_video.errors import ConfigError
from faster_video.features import Features

BACKBONES = ("expensive", "cheap")
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """What is trained, on what, where."""

    recipe: Recipe
    data: VideoList
    out: Path
    """The run directory."""
    data_sha256: str = ""
    """The hash that the videos of `data` which are on disk must have; empty takes any."""
    weights_sha256: str = ""
    """The hash that the weights of `backbones` or `finetune` must have; empty takes any."""
    validation: VideoList | None = None
    """Evaluated on at the end; the figures go into the bundle."""
    backbones: Bundle | None = None
    """Takes both backbones from here and trains only stage 2; None trains them in stage 1."""
    features: Features | None = None
    """Stage 2 learns from these in the place of pixels; `data` is then the list of their videos."""
    finetune: Bundle | None = None
    """Every weight but the classifiers' and the gate's starts from here; None starts from random ones."""
    seed: int = 0
    """Fixes first weights, order, clips and crops."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    devices: int = 1
    """Processes that share every batch on this machine: one per GPU, or on the CPU as many as wanted."""
    nodes: int = 1
    """Machines, each with `devices` processes that torchrun has started."""
    precision: Precision = "32-true"
    """`32-true`, `bf16-mixed` or `16-mixed`."""
    workers: int = -1
    """Processes that decode, for each of `devices`; -1 shares the cores out, at most 8; 0 decodes where it trains."""
    frame_cache: Path | None = None
    """Folder where decoded frames are kept, so that later reads need no decoding; None keeps none."""
    most_broken: float = 0.05
    """Share of the videos that may turn out to be unreadable before training stops."""
    checkpoint_minutes: float = 10.0
    """Longest time between two checkpoints; there is one after every epoch, too."""
    origins: dict[str, str | int] = field(default_factory=dict)
    """The options that name files, such as `data` and `finetune`, for the run's config.yaml."""

    def __post_init__(self) -> None:
        require_choice("device", self.device, ("auto", "cpu", "cuda"))
        require_choice("precision", self.precision, get_args(Precision))
        require_at_least("devices", self.devices, 1)
        require_at_least("nodes", self.nodes, 1)
        require_at_least("workers", self.workers, -1)
        require_at_least("most_broken", self.most_broken, 0)
        require_at_most("most_broken", self.most_broken, 1)
        require_at_least("checkpoint_minutes", self.checkpoint_minutes, 0)
        if self.backbones is not None and self.finetune is not None:
            raise ConfigError(
                "backbones and finetune are both given; backbones keeps a bundle's networks as they are, finetune "
                "trains them on: choose one"
            )

    @property
    def starting_sha256(self) -> str:
        """Of the weights of the bundle that the run starts from; empty without one."""
        return _weights_sha256(self.backbones) or _weights_sha256(self.finetune)

    @property
    def trains_backbones(self) -> bool:
        """Whether there is a stage 1."""
        return self.backbones is None and self.features is None

    @property
    def learns_heads(self) -> bool:
        """Whether stage 2 trains the classifiers of published networks, whose scores are then averaged."""
        model = self.recipe.model
        return model.aggregator == "average" and any(
            network.is_published and network.head == "linear" for network in (model.expensive, model.cheap)
        )

    @property
    def num_processes(self) -> int:
        """How many share every batch, on all machines together."""
        return self.devices * self.nodes

    @property
    def num_workers(self) -> int:
        """Decoding processes of each training process."""
        return num_workers(self.devices) if self.workers < 0 else self.workers

    @property
    def bundle_folder(self) -> Path:
        """Where the trained model goes."""
        return self.out / "bundle"

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when a run is resumed."""
        return {
            "recipe": asdict(self.recipe),
            "data": {
                "path": str(self.data.source),
                "videos": len(self.data.videos),
                "sha256": self.data.sha256 if self.features is None else self.features.identity,
            },
            "labels": self.data.labels,
            "seed": self.seed,
            "precision": self.precision,
            "backbones_sha256": _weights_sha256(self.backbones),
            "finetune_sha256": _weights_sha256(self.finetune),
        }

    def stage_config(self, name: str) -> StageConfig:
        """Of `stage1_expensive`, `stage1_cheap` or `stage2`."""
        config: StageConfig = getattr(self.recipe, name)
        return config


def _weights_sha256(bundle: Bundle | None) -> str:
    return "" if bundle is None else bundle.config.weights_sha256
