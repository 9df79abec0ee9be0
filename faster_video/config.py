"""Every setting of the system, in the order the data flows: clips, transform, model, training, recipe.

Those of clips and transform are in `clip_config.py`, those of made-up videos in `datasets/motion_config.py`. All are
frozen and keyword-only; a wrong value is refused by name as soon as the object is made. They have no slots because
jsonargparse reads defaults with `vars()`.
"""

from dataclasses import dataclass, field

from faster_video.clip_config import LARGEST_SIDE as LARGEST_SIDE
from faster_video.clip_config import SMALLEST_SIDE as SMALLEST_SIDE
from faster_video.clip_config import TEMPORAL_STRIDE as TEMPORAL_STRIDE
from faster_video.clip_config import ClipConfig as ClipConfig
from faster_video.clip_config import TransformConfig as TransformConfig
from faster_video.errors import ConfigError
from faster_video.limits import require_at_least as require_at_least
from faster_video.limits import require_at_most as require_at_most
from faster_video.limits import require_choice as require_choice
from faster_video.pattern import Pattern

BACKBONE_NAMES = ("r2d26", "r2plus1d50", "r3d50")
PUBLISHED_NAMES = (
    "c2d_r50",
    "efficientnet_lite0",
    "efficientnet_lite2",
    "i3d_r50",
    "i3d_r50_nonlocal",
    "mc3_18",
    "mvit_v2_s",
    "r2plus1d_152_32_kinetics",
    "r2plus1d_18",
    "r2plus1d_34_32_ig65m",
    "r2plus1d_34_32_kinetics",
    "r2plus1d_34_8_ig65m",
    "r2plus1d_34_8_kinetics",
    "r2plus1d_r50",
    "r3d_18",
    "s3d",
    "slow_r50",
    "swin3d_t",
    "vmz_r2plus1d_50",
    "vmz_r3d_50",
    "x3d_l",
    "x3d_m",
    "x3d_s",
    "x3d_xs",
)
"""Networks published elsewhere: those of `backbones.published.PUBLISHED` (`faster-video backbones` tells more)."""
FEATURES = "features"
"""In the place of a backbone's name: maps that another model made."""
HEADS = ("linear", "published")
WHOLE_MAP = (0, 0, 0)
AGGREGATOR_NAMES = ("average", "concat", "fast_gru", "gru", "lstm")
OPTIMIZER_NAMES = ("adamw", "sgd")
RANDOM_PATTERN = "random"
"""In the place of a pattern to learn from: every clip's network is drawn, as a trained gate may choose it."""


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """One clip network: of Table 1, or published elsewhere; or none: feature maps that somebody else's model made."""

    name: str
    """One of r2d26, r2plus1d50, r3d50; a published one; `package.module:function` that makes one; or features."""
    width: float = 1.0
    """Factor on all channel counts of a network of Table 1; 1 is the paper's."""
    channels: int = 0
    """Of the maps of features; 0 for a network, which has its own."""
    map_size: tuple[int, int, int] = (1, 1, 1)
    """Size t, h, w of the maps of features; leave it at 1, 1, 1 for a network, where it follows from the clip."""
    frames: int = 0
    """Of each clip that a published frame network looks at; 0: as many as it is used to."""
    pooled_size: tuple[int, int, int] = WHOLE_MAP
    """Size t, h, w that the map of a published network is averaged to; 0 leaves that side as it is."""
    scale: float = 1.0
    """Factor on the map of a published network: FAST-GRU's candidates lie between -1 and 1."""
    head: str = "linear"
    """Of a published network: `linear` learns the bundle's labels, `published` answers with its own."""

    def __post_init__(self) -> None:
        if not self.is_imported:
            require_choice("backbone", self.name, (*BACKBONE_NAMES, *PUBLISHED_NAMES, FEATURES))
        if self.name == FEATURES:
            self._check_features()
        elif self.channels or self.map_size != (1, 1, 1):
            raise ConfigError(
                f"channels and map_size of {self.name} are {self.channels} and {list(self.map_size)}; they are for the "
                "backbone 'features' only, so leave them out"
            )
        if self.is_published:
            self._check_published()
        elif (self.frames, self.pooled_size, self.scale, self.head) != (0, WHOLE_MAP, 1, "linear"):
            raise ConfigError(
                f"frames, pooled_size, scale and head of {self.name} are {self.frames}, {list(self.pooled_size)}, "
                f"{self.scale} and {self.head!r}; they are for published networks only, so leave them out"
            )
        if not 1 / 64 <= self.width <= 8:
            raise ConfigError(f"width of {self.name} is {self.width}; it must lie between 1/64 and 8")

    @property
    def is_imported(self) -> bool:
        """Whether a function of a Python package makes the network."""
        return ":" in self.name

    @property
    def is_published(self) -> bool:
        """Whether the network is none of ours: its weights come from elsewhere, and it stays frozen."""
        return self.is_imported or self.name in PUBLISHED_NAMES

    def _check_published(self) -> None:
        if self.width != 1:
            raise ConfigError(f"width of {self.name} is {self.width}; a published network has one width, leave it out")
        require_at_least(f"frames of {self.name}", self.frames, 0)
        require_at_most(f"frames of {self.name}", self.frames, 1024)
        if not all(0 <= size <= 1024 for size in self.pooled_size):
            raise ConfigError(
                f"pooled_size of {self.name} is {list(self.pooled_size)}; each of the three must lie between 0 and 1024"
            )
        if not 0 < self.scale <= 1000:
            raise ConfigError(f"scale of {self.name} is {self.scale}; it must be above 0 and at most 1000")
        require_choice(f"head of {self.name}", self.head, HEADS)

    def _check_features(self) -> None:
        require_at_least("channels of features", self.channels, 1)
        require_at_most("channels of features", self.channels, 65_536)
        if not all(1 <= size <= 1024 for size in self.map_size):
            raise ConfigError(f"map_size is {list(self.map_size)}; each of the three must lie between 1 and 1024")
        if self.width != 1:
            raise ConfigError(f"width of features is {self.width}; maps that are there already have none, leave it out")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The two backbones, how their clips are mixed, and what folds them together."""

    expensive: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="r2plus1d50"))
    cheap: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="r2d26"))
    aggregator: str = "fast_gru"
    """One of average, concat, fast_gru, gru, lstm."""
    pattern: str = "1:7"
    """Expensive and cheap clips in time order, E:C or `first`."""
    gate: bool = False
    """Whether a trained gate comes with it, which can decide in the pattern's place (`faster-video gate`)."""

    def __post_init__(self) -> None:
        require_choice("aggregator", self.aggregator, AGGREGATOR_NAMES)
        Pattern.parse(self.pattern)
        if self.gate and self.aggregator == "average":
            raise ConfigError("gate is true and aggregator 'average'; a gate looks at what an aggregator has learned")
        if self.takes_features and self.expensive != self.cheap:
            raise ConfigError(
                f"the expensive backbone is {self.expensive.name} and the cheap one {self.cheap.name}; where one of "
                "them is features, the other must be the same"
            )
        if self.takes_features and self.aggregator == "average":
            raise ConfigError(
                "aggregator is 'average', which averages the scores of clip networks, but features come without any; "
                "choose one that learns, such as fast_gru"
            )

    @property
    def takes_features(self) -> bool:
        """Whether the model sees feature maps made elsewhere, and no pixels."""
        return FEATURES in (self.expensive.name, self.cheap.name)

    @property
    def has_published(self) -> bool:
        """Whether one of the networks was published elsewhere."""
        return self.expensive.is_published or self.cheap.is_published


def require_known_colours(model: ModelConfig, transform: TransformConfig) -> None:
    """Refuse other colours than published networks start from: they make their own of the usual ones.

    Raises:
        ConfigError: the model has a published network, and mean or std are not the usual ones.
    """
    usual = TransformConfig()
    if model.has_published and (transform.mean, transform.std) != (usual.mean, usual.std):
        raise ConfigError(
            f"transform.mean and std are {list(transform.mean)} and {list(transform.std)}; with a published network, "
            f"which makes its own of them, they must be {list(usual.mean)} and {list(usual.std)}"
        )


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One run of optimisation: a backbone alone (stage 1), or the aggregator on frozen backbones (stage 2)."""

    epochs: int = 45
    """Passes over the training videos; 0 skips the stage."""
    warmup_epochs: float = 10.0
    """Epochs over which the learning rate rises linearly before the cosine."""
    batch_size: int = 32
    """Clips (stage 1) or videos (stage 2) per optimiser step."""
    views_per_video: int = 1
    """Random views of each video in one epoch: clips in stage 1, sets of N clips in stage 2."""
    optimizer: str = "sgd"
    """`sgd` (Nesterov momentum) or `adamw`."""
    learning_rate: float = 0.01
    """Peak, for a batch of 32; scaled linearly with the batch size."""
    momentum: float = 0.9
    """Of SGD; the first beta of AdamW."""
    weight_decay: float = 1e-4
    """Pull of every weight towards 0: L2 of SGD, decoupled from the gradient in AdamW."""
    max_gradient_norm: float = 0.0
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    accumulate: int = 1
    """Pieces that each process computes its part of a batch in, to save memory; batch norm sees one at a time."""
    label_smoothing: float = 0.0
    """Share of the label that is spread evenly over all labels."""
    mixup: float = 0.0
    """Both parameters of the beta distribution by which two videos are blended into one; 0 blends none."""
    ema_decay: float = 0.0
    """Keep a moving average of the weights with this decay per step, such as 0.999, and end with it; 0 keeps none."""

    patterns: tuple[str, ...] = ()
    """On stored features stage 2 learns from every batch under one of these, drawn by the seed, so that one bundle
    serves them all; `random` draws every clip's network. None keeps to the model's own."""
    clip_counts: tuple[int, ...] = ()
    """On stored features every batch has one of these numbers of clips, drawn by the seed and spread evenly over the
    video, so that one bundle serves them all; none keeps to clips.num_clips."""
    prefix_loss: bool = False
    """Stage 2 learns from the predictions after every clip, the mean of their losses, and not from the last one alone:
    better after few clips, worse after all of them."""

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            if pattern != RANDOM_PATTERN:
                Pattern.parse(pattern)
        for count in self.clip_counts:
            require_at_least("clip_counts", count, 1)
        require_choice("optimizer", self.optimizer, OPTIMIZER_NAMES)
        require_at_least("epochs", self.epochs, 0)
        require_at_most("epochs", self.epochs, 100_000)
        require_at_least("batch_size", self.batch_size, 1)
        require_at_most("batch_size", self.batch_size, 65_536)
        require_at_least("views_per_video", self.views_per_video, 1)
        require_at_most("views_per_video", self.views_per_video, 4096)
        require_at_least("weight_decay", self.weight_decay, 0)
        require_at_most("weight_decay", self.weight_decay, 1)
        require_at_least("max_gradient_norm", self.max_gradient_norm, 0)
        require_at_most("max_gradient_norm", self.max_gradient_norm, 1_000_000)
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate is {self.learning_rate}; it must be above 0")
        require_at_most("learning_rate", self.learning_rate, 100)
        require_at_least("accumulate", self.accumulate, 1)
        require_at_least("mixup", self.mixup, 0)
        require_at_most("mixup", self.mixup, 100)
        for name in ("momentum", "label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
        if not 0 <= self.warmup_epochs <= self.epochs:
            raise ConfigError(
                f"warmup_epochs is {self.warmup_epochs}; it must lie between 0 and epochs ({self.epochs})"
            )

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate at the end of the warm-up, for this batch size."""
        return self.learning_rate * self.batch_size / 32


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that training needs besides videos, a seed and a place to write."""

    clips: ClipConfig = field(default_factory=ClipConfig)
    transform: TransformConfig = field(default_factory=TransformConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    stage1_expensive: StageConfig = field(default_factory=StageConfig)
    stage1_cheap: StageConfig = field(default_factory=StageConfig)
    stage2: StageConfig = field(default_factory=StageConfig)
    stage2_stored_views: int = 0
    """Random views per video whose feature maps stage 2 computes once and keeps in memory; 0 draws new clips in every
    epoch, as the paper does."""

    def __post_init__(self) -> None:
        require_known_colours(self.model, self.transform)
        require_at_least("stage2_stored_views", self.stage2_stored_views, 0)
        require_at_most("stage2_stored_views", self.stage2_stored_views, 4096)
        for count in self.stage2.clip_counts:
            require_at_most("stage2.clip_counts", count, self.clips.num_clips)
        for name in ("stage1_expensive", "stage1_cheap"):
            for setting in ("patterns", "clip_counts", "prefix_loss"):
                if getattr(getattr(self, name), setting):
                    raise ConfigError(
                        f"{setting} is for stage2, whose videos have several clips; leave it out of {name}"
                    )
