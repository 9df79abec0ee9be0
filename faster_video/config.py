"""Every setting of the system, in the order the data flows: clips, transform, model, training, recipe; made-up videos.

All are frozen and keyword-only; a wrong value is refused by name as soon as the object is made.
They have no slots because jsonargparse reads defaults with `vars()`.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import combinations, permutations
from math import isfinite

from faster_video.errors import ConfigError
from faster_video.pattern import Pattern

BACKBONE_NAMES = ("r2d26", "r2plus1d50", "r3d50")
FEATURES = "features"
"""In the place of a backbone's name: maps that another model made."""
AGGREGATOR_NAMES = ("average", "concat", "fast_gru", "gru", "lstm")
OPTIMIZER_NAMES = ("adamw", "sgd")
MOTIONS = ("left", "up", "right", "down", "clockwise", "counterclockwise")
SWINGS = ("shaking", "nodding", "rocking")
"""Motions to and fro: sideways, up and down, turning; part of one looks like a motion that goes one way."""
"""In the order of the cycle from which ordered labels are made: neighbours on it share a video."""
TEMPORAL_STRIDE = 8
"""Frames of a clip per time step of its feature map, in every backbone of Table 1."""
SMALLEST_SIDE, LARGEST_SIDE = 32, 2048
"""Of what the network sees, in pixels: less than one place of the feature map, more than any network was made for."""
MOST_MOTION_PIXELS = 1 << 26
"""Of a made-up video, which is drawn in memory at once: a few gigabytes."""


def require_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Refuse a name that is not one of `choices`."""
    if value not in choices:
        raise ConfigError(f"unknown {name} {value!r}; choose one of {', '.join(sorted(choices))}")


def require_at_least(name: str, value: float, least: float) -> None:
    """Refuse a number below `least`."""
    if not value >= least:
        raise ConfigError(f"{name} is {value}; it must be at least {least}")


def require_at_most(name: str, value: float, most: float) -> None:
    """Refuse a number above `most`."""
    if not value <= most:
        raise ConfigError(f"{name} is {value}; it must be at most {most}")


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """Which frames make a clip, and which clips make a video."""

    num_clips: int = 16
    """Clips per video, N."""
    frames_per_clip: int = 16
    """Frames per clip, L: a multiple of 8."""
    frame_stride: int = 1
    """Distance between two frames of one clip, in frames of the source video."""

    def __post_init__(self) -> None:
        require_at_least("num_clips", self.num_clips, 1)
        require_at_most("num_clips", self.num_clips, 4096)
        require_at_least("frame_stride", self.frame_stride, 1)
        require_at_most("frame_stride", self.frame_stride, 1024)
        if self.frames_per_clip < 1 or self.frames_per_clip % TEMPORAL_STRIDE:
            raise ConfigError(
                f"frames_per_clip is {self.frames_per_clip}; the backbones shorten time by {TEMPORAL_STRIDE}, "
                f"so it must be a multiple of {TEMPORAL_STRIDE}, such as 8, 16 or 32"
            )
        require_at_most("frames_per_clip", self.frames_per_clip, 1024)

    @property
    def span(self) -> int:
        """Frames of the source video that one clip covers, its first and last included."""
        return (self.frames_per_clip - 1) * self.frame_stride + 1


@dataclass(frozen=True, kw_only=True)
class TransformConfig:
    """How the frames of a clip become the network's input (docs/protocol.md "Training", "Testing")."""

    crop_size: int = 224
    """Side of the square the network sees, in pixels; 32 to 2048."""
    test_short_side: int = 256
    """Length the short side is resized to before the centre crop, in pixels."""
    train_short_side: tuple[int, int] = (256, 320)
    """Smallest and largest random length of the short side in training, in pixels."""
    flip_probability: float = 0.5
    """Chance that a training clip is mirrored left to right; 0 where direction is part of the label."""
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    """Subtracted from each colour of a pixel in [0, 1]."""
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    """Then divided by."""

    def __post_init__(self) -> None:
        require_at_least("crop_size", self.crop_size, SMALLEST_SIDE)
        require_at_most("crop_size", self.crop_size, LARGEST_SIDE)
        require_at_least("test_short_side", self.test_short_side, self.crop_size)
        require_at_most("test_short_side", self.test_short_side, 2 * LARGEST_SIDE)
        shortest, longest = self.train_short_side
        if not self.crop_size <= shortest <= longest:
            raise ConfigError(
                f"train_short_side is {shortest} to {longest}; "
                f"it must rise and start at crop_size ({self.crop_size}) or above"
            )
        require_at_most("train_short_side", longest, 2 * LARGEST_SIDE)
        if not 0 <= self.flip_probability <= 1:
            raise ConfigError(f"flip_probability is {self.flip_probability}; it must lie between 0 and 1")
        if not all(map(isfinite, self.mean)):
            raise ConfigError(f"mean is {list(self.mean)}; each of the three must be a finite number")
        if not all(value > 0 for value in self.std):
            raise ConfigError(f"std is {list(self.std)}; each of the three must be above 0")
        if not all(map(isfinite, self.std)):
            raise ConfigError(f"std is {list(self.std)}; each of the three must be a finite number")


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """One clip network of Table 1, or none: feature maps that somebody else's model made."""

    name: str
    """One of r2d26, r2plus1d50, r3d50; or features."""
    width: float = 1.0
    """Factor on all channel counts of a network; 1 is the paper's."""
    channels: int = 0
    """Of the maps of features; 0 for a network, which has its own."""
    map_size: tuple[int, int, int] = (1, 1, 1)
    """Size t, h, w of the maps of features; leave it at 1, 1, 1 for a network, where it follows from the clip."""

    def __post_init__(self) -> None:
        require_choice("backbone", self.name, (*BACKBONE_NAMES, FEATURES))
        if self.name == FEATURES:
            self._check_features()
        elif self.channels or self.map_size != (1, 1, 1):
            raise ConfigError(
                f"channels and map_size of {self.name} are {self.channels} and {list(self.map_size)}; they are for the "
                "backbone 'features' only, so leave them out"
            )
        if not 1 / 64 <= self.width <= 8:
            raise ConfigError(f"width of {self.name} is {self.width}; it must lie between 1/64 and 8")

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

    def __post_init__(self) -> None:
        require_choice("aggregator", self.aggregator, AGGREGATOR_NAMES)
        Pattern.parse(self.pattern)
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

    def __post_init__(self) -> None:
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
        require_at_least("stage2_stored_views", self.stage2_stored_views, 0)
        require_at_most("stage2_stored_views", self.stage2_stored_views, 4096)


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """How many videos, how long, and how hard."""

    videos: int = 400
    """Videos in all, shared out evenly over the labels."""
    test_share: float = 0.25
    """Share of each label's videos that go into test.csv."""
    phases: int = 2
    """Different motions per video."""
    kinds: int = 6
    """How many motions there are to make labels of: the six that go one way, then up to three that go to and fro."""
    ordered: bool = True
    """Whether a label says the order, as in left-then-up; labels are then P neighbours on a cycle in all P! orders. If
    false, it says only which motions there are, as in left-and-up; all sets of P motions are labels, and every video
    shuffles its own."""
    repeats: int = 1
    """How often a video shows each of its motions, each time with another shape at another place; ordered, all times of
    one before the next."""
    distractions: int = 0
    """Moves per video besides its motions, at random places among them."""
    misleading: bool = False
    """Whether the distractions of a video are all one motion of another label; otherwise they are diagonal moves, which
    no label names."""
    scenes: int = 0
    """How many backgrounds with clutter the whole set has, as fixed cameras would; 0 gives every video its own."""
    size: int = 72
    """Side of the square frames in pixels; even, as H.264 wants it."""
    frames: int = 64
    """Frames per video, shared out evenly over its moves: each motion each time it is shown, and each distraction; what
    is left over is bare background at the end."""
    fps: int = 25
    """Frames per second of the files; the motions are set per frame."""
    phase_frames: tuple[int, int] = (16, 20)
    """Fewest and most frames of one move."""
    pause_frames: int = 8
    """Fewest frames between two moves, and half of it before the first and after the last one; at least a clip's span
    keeps order out of single clips."""
    speed: float = 1.0
    """Factor on the moves: at 1 a shape crosses 2.5 % of the frame, or turns 9 degrees, per frame."""
    shape_size: float = 0.42
    """Diameter of the moving shape as a share of the frame's side."""
    clutter: int = 2
    """Smaller shapes that wobble on the spot all the time."""
    seed: int = 0
    """Fixes every video: the same settings give the same files."""

    def __post_init__(self) -> None:
        self._check_labels()
        require_at_least("videos", self.videos, 2 * len(self.labels))
        require_at_most("videos", self.videos, 1_000_000)
        require_at_least("size", self.size, 32)
        require_at_most("size", self.size, 1024)
        if self.size % 2:
            raise ConfigError(f"size is {self.size}; H.264 wants an even number of pixels")
        require_at_least("fps", self.fps, 1)
        require_at_most("fps", self.fps, 1000)
        require_at_least("pause_frames", self.pause_frames, 0)
        require_at_least("clutter", self.clutter, 0)
        require_at_most("clutter", self.clutter, 100)
        self._check_frames()
        require_at_least("seed", self.seed, 0)
        if not 0 < self.test_share < 1:
            raise ConfigError(f"test_share is {self.test_share}; it must lie between 0 and 1, both excluded")
        if not 0 < self.speed <= 4:
            raise ConfigError(f"speed is {self.speed}; it must be above 0 and at most 4")
        if not 0.1 <= self.shape_size <= 0.5:
            raise ConfigError(f"shape_size is {self.shape_size}; it must lie between 0.1 and 0.5")

    def _check_labels(self) -> None:
        require_at_least("phases", self.phases, 1)
        require_at_least("kinds", self.kinds, 2)
        require_at_most("kinds", self.kinds, len(MOTIONS + SWINGS))
        if self.phases > self.kinds:
            raise ConfigError(f"phases is {self.phases}; there are only {self.kinds} motions to choose from")
        if self.phases == self.kinds and not self.ordered:
            raise ConfigError(
                f"phases is {self.phases}; where order does not count, all {self.kinds} motions make a single label, "
                f"so it must be at most {self.kinds - 1}"
            )
        require_at_least("repeats", self.repeats, 1)
        require_at_least("distractions", self.distractions, 0)
        require_at_least("scenes", self.scenes, 0)
        if self.misleading and not self.distractions < self.repeats:
            raise ConfigError(
                f"distractions is {self.distractions}; misleading ones must be fewer than repeats ({self.repeats}), or "
                "the label would not be what is seen most"
            )
        if self.misleading and self.phases == self.kinds:
            raise ConfigError(
                f"misleading is true, but all {self.kinds} motions are in every label; choose fewer phases than that"
            )

    def _check_frames(self) -> None:
        require_at_most("frames", self.frames, 2000)
        fewest, most = self.phase_frames
        if not 2 <= fewest <= most:
            raise ConfigError(f"phase_frames is {fewest} to {most}; it must rise and start at 2 or above")
        needed = self.num_moves * (most + self.pause_frames)
        if self.frames < needed:
            raise ConfigError(
                f"frames is {self.frames}; {self.num_moves} moves of up to {most} frames with pauses of "
                f"{self.pause_frames} need at least {needed}"
            )
        if self.frames * self.size**2 > MOST_MOTION_PIXELS:
            raise ConfigError(
                f"frames is {self.frames}; at size {self.size} it must be at most "
                f"{MOST_MOTION_PIXELS // self.size**2}, so that a video fits into memory"
            )

    @property
    def motions(self) -> tuple[str, ...]:
        """Every motion that a label may name, in the order of the cycle."""
        return (MOTIONS + SWINGS)[: self.kinds]

    @property
    def num_moves(self) -> int:
        """How often something moves in a video: its motions, each time they are shown, and its distractions."""
        return self.phases * self.repeats + self.distractions

    @property
    def frames_per_move(self) -> int:
        """Every move's share of the frames, pauses included."""
        return self.frames // self.num_moves

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """Every label as its motions: ordered, neighbours on the cycle of motions in all orders; else all sets."""
        if not self.ordered:
            return list(combinations(self.motions, self.phases))
        cycle = 2 * self.motions
        groups = self.kinds if self.phases < self.kinds else 1
        return [order for first in range(groups) for order in permutations(cycle[first : first + self.phases])]
