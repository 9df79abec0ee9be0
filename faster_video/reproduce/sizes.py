"""How many clips of which length an experiment has at a recipe's size (docs/reproduce.md).

The recipe's clips give the frames that are seen of a video, F = N·L (the paper: 256); clip lengths L share them out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from faster_video.config import ClipConfig, Recipe
from faster_video.errors import ConfigError
from faster_video.reproduce.cells import Setting
from faster_video.reproduce.names import FRAMES

SHORTEST = FRAMES[0]
CLIPS = (2, 4, 8, 16, 32)
"""N of Table 3 and Figure 3."""
OF_SHORT_CLIPS = ("table3", "figure3")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an experiment chooses its settings from."""

    recipe: Recipe
    budget: int
    """Frames that are seen of a video, F."""
    clips: tuple[ClipConfig, ...]
    """For each L from the smallest to the largest: F / L clips of it."""

    def setting(self, clips: ClipConfig, aggregator: str, pattern: str) -> Setting:
        """Of the recipe's two networks."""
        return Setting(model=replace(self.recipe.model, aggregator=aggregator, pattern=pattern), clips=clips)

    @property
    def short_clips(self) -> Iterator[ClipConfig]:
        """N = 2, 4, … clips of 8 frames, as many as the budget holds."""
        for num_clips in CLIPS:
            if num_clips * SHORTEST <= self.budget:
                yield replace(self.recipe.clips, num_clips=num_clips, frames_per_clip=SHORTEST)


def choose_sizes(name: str, recipe: Recipe, frames: Sequence[int] | None) -> Sizes:
    """What the experiment `name` chooses from, with clips of `frames` frames only (None: all that fit).

    Raises:
        ConfigError: the recipe sees too few frames; `frames` is for an experiment that has no choice, or empty; or it
            has a length that is not the paper's or does not divide the recipe's frames into two clips or more.
    """
    budget = recipe.clips.num_clips * recipe.clips.frames_per_clip
    if name == "table8":  # judges the bundle that it starts from, at its own size
        if frames is not None:
            raise ConfigError("--frames is for the other experiments; table8 takes the clips of the bundle in --start")
        return Sizes(recipe, budget, (recipe.clips,))
    if frames is not None and name in OF_SHORT_CLIPS:
        raise ConfigError(
            f"--frames is for the other experiments; {name} takes N clips of {SHORTEST} frames; leave it out"
        )
    if frames is not None and not frames:
        raise ConfigError(f"--frames names no clip length; choose some of {', '.join(map(str, FRAMES))}")
    if budget < 2 * SHORTEST:
        raise ConfigError(
            f"the recipe sees {budget} frames of a video (num_clips × frames_per_clip); the experiments need at least "
            f"{2 * SHORTEST}, two clips of {SHORTEST}"
        )
    for length in frames or ():
        _check_length(length, budget)
    lengths = [length for length in FRAMES if _divides(length, budget) and (frames is None or length in frames)]
    sizes = tuple(replace(recipe.clips, num_clips=budget // length, frames_per_clip=length) for length in lengths)
    return Sizes(recipe, budget, sizes)


def _check_length(length: int, budget: int) -> None:
    if length not in FRAMES:
        raise ConfigError(f"--frames is {length}; the paper's clips have {', '.join(map(str, FRAMES))} frames")
    if not _divides(length, budget):
        raise ConfigError(
            f"--frames is {length}; the {budget} frames that the recipe sees of a video (num_clips × frames_per_clip) "
            "must be two or more clips of it, with nothing left over"
        )


def _divides(length: int, budget: int) -> bool:
    return budget % length == 0 and budget // length >= 2
