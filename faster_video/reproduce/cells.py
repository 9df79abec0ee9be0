"""What an experiment of the paper consists of: cells, each one setting that is trained and judged once per seed."""

from dataclasses import dataclass

from faster_video.config import BackboneConfig, ClipConfig, ModelConfig, Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What is trained and judged: two backbones, their aggregator and pattern, N clips of L frames."""

    model: ModelConfig
    clips: ClipConfig

    @property
    def backbones(self) -> "BackbonePair":
        """The part of it that stage 1 trains; settings that share it share its weights."""
        return BackbonePair(
            expensive=self.model.expensive, cheap=self.model.cheap, frames_per_clip=self.clips.frames_per_clip
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BackbonePair:
    """Two clip networks, trained alone on clips of this length."""

    expensive: BackboneConfig
    cheap: BackboneConfig
    frames_per_clip: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A setting's place in a table, and what the paper prints there."""

    row: str
    column: str
    setting: Setting
    paper_top1: float | None = None
    """In per cent, on Kinetics-400."""
    paper_gmacs: float | None = None
    """Per video, at the paper's size (its GFLOPs)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """One of the paper's tables or figures, at a recipe's size."""

    name: str
    """`table2` … `figure4`, as the command is told."""
    title: str
    """The paper's question, in a few words."""
    recipe: Recipe
    """How the stages learn, and how frames are seen; clips and model are the cells' own."""
    cells: tuple[Cell, ...]
    """In the table's order: rows from top to bottom, each from left to right."""
