"""Settings of made-up motion videos (drawn in `motion.py`): how many, how long, which motions, and how hard."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, permutations

from faster_video.config import require_at_least, require_at_most, require_choice
from faster_video.errors import ConfigError

MOTIONS = ("left", "up", "right", "down", "clockwise", "counterclockwise")
"""In the order of the cycle from which ordered labels are made: neighbours on it share a video."""
SWINGS = ("shaking", "nodding", "rocking")
"""Motions to and fro: sideways, up and down, turning; part of one looks like a motion that goes one way."""
CODECS = {"h264": "libx264", "mpeg4": "mpeg4"}
"""Of the files, and what FFmpeg calls their encoders."""
MOST_MOTION_PIXELS = 1 << 26
"""Of a made-up video, which is drawn in memory at once: a few gigabytes."""
MOST_SCENES = 1_000_000


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
    stays: bool = False
    """Whether a video's own motions all have their middle in one quarter of the frame, and its distractions in others,
    as an actor keeps his place while others come and go around him; otherwise every move comes anywhere."""
    scenes: int = 0
    """How many backgrounds with clutter the whole set has, as fixed cameras would; 0 gives every video its own."""
    size: int = 72
    """Side of the square frames in pixels; even, as video files want it."""
    frames: int = 64
    """Frames per video. Where the order is the label they are shared out evenly over the moves (each motion each time
    it is shown, and each distraction), and what is left over is bare background at the end."""
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
    codec: str = "h264"
    """`h264`, or `mpeg4`, which decodes several times as fast where pictures are as small as these."""
    seed: int = 0
    """Fixes every video: the same settings give the same files."""

    def __post_init__(self) -> None:
        self._check_labels()
        require_at_least("videos", self.videos, 2 * len(self.labels))
        require_at_most("videos", self.videos, 1_000_000)
        require_at_least("size", self.size, 32)
        require_at_most("size", self.size, 1024)
        if self.size % 2:
            raise ConfigError(f"size is {self.size}; video files want an even number of pixels")
        require_at_least("fps", self.fps, 1)
        require_at_most("fps", self.fps, 1000)
        require_at_least("pause_frames", self.pause_frames, 0)
        require_at_least("clutter", self.clutter, 0)
        require_at_most("clutter", self.clutter, 100)
        self._check_frames()
        require_choice("codec", self.codec, CODECS)
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
        require_at_most("scenes", self.scenes, MOST_SCENES)
        if self.misleading:
            self._check_misleading()

    def _check_misleading(self) -> None:
        if not self.distractions:
            raise ConfigError("misleading is true, but distractions is 0; give 1 or more, or leave misleading out")
        if not self.distractions < self.repeats:
            raise ConfigError(
                f"distractions is {self.distractions}; misleading ones must be fewer than repeats ({self.repeats}), or "
                "the label would not be what is seen most"
            )
        if self.phases == self.kinds:
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
    def order_counts(self) -> bool:
        """Whether labels differ in the order of their motions alone."""
        return self.ordered and self.phases > 1

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


def pairs() -> MotionConfig:
    """Two motions in an order that is the label: no bag of clips can tell it."""
    return MotionConfig()


def long() -> MotionConfig:
    """The paper's situation: an actor repeats one motion in his place, another motion misleads around him.

    Every clip is evidence for a label and none is enough.
    """
    return MotionConfig(
        videos=6003,
        test_share=0.6,  # 3,600: an accuracy's 95 % interval stays below 1.5 points
        phases=1,
        kinds=9,
        repeats=6,
        distractions=3,
        misleading=True,
        stays=True,
        scenes=24,
        size=48,
        frames=256,
        phase_frames=(14, 20),
        pause_frames=2,
        shape_size=0.35,
        codec="mpeg4",
        seed=21,
    )


def single() -> MotionConfig:
    """One motion of those in `long` per video, before the same scenes, for networks to learn them from first."""
    return replace(
        long(),
        videos=9000,
        test_share=0.05,
        repeats=1,
        distractions=0,
        misleading=False,
        stays=False,
        frames=24,
        phase_frames=(18, 20),
    )


MOTION_SETS: dict[str, Callable[[], MotionConfig]] = {"long": long, "pairs": pairs, "single": single}
USUAL_SET = "pairs"


def get_motion_set(name: str) -> MotionConfig:
    """The settings of the set called `name`.

    Raises:
        ConfigError: there is none of that name.
    """
    require_choice("set", name, MOTION_SETS)
    return MOTION_SETS[name]()
