"""The paper's GFLOPs beside ours: every such cell of its Tables 2, 4, 6 and 7 (`paper.toml`)."""

import tomllib
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from faster_video.config import BackboneConfig, ClipConfig, ModelConfig
from faster_video.cost import video_cost

CROP_SIZE = 224
KINETICS_CLASSES = 400
TOLERANCE_PERCENT = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperCell:
    """One printed number and ours."""

    table: int
    row: str
    per: str
    """`clip` or `video`: what the number is the cost of."""
    paper_gmacs: float
    """The paper's GFLOPs, as printed: one decimal."""
    gmacs: float
    """Ours."""
    misprint: str
    """Why the printed number cannot be right; empty where it can."""

    @property
    def difference_percent(self) -> float:
        """Ours above the paper's, in per cent of the paper's."""
        return 100 * (self.gmacs / self.paper_gmacs - 1)

    @property
    def agrees(self) -> bool:
        """Within 1 %, or the same once rounded to the one decimal that the paper prints (3.166 and 3.2)."""
        return abs(self.difference_percent) <= TOLERANCE_PERCENT or round(self.gmacs, 1) == self.paper_gmacs

    def as_dict(self) -> dict[str, object]:
        """All of the above in types that JSON has."""
        return asdict(self) | {"difference_percent": self.difference_percent, "agrees": self.agrees}


def paper_comparison() -> list[PaperCell]:
    """Every cell in the paper's order; ours is counted from the layers, with a prediction after each clip."""
    written = tomllib.loads(files("faster_video").joinpath("paper.toml").read_text(encoding="utf-8"))
    return [_compared(table, cell) for table in written["table"] for cell in table["cells"]]


def _compared(table: dict[str, Any], cell: dict[str, Any]) -> PaperCell:
    clips = ClipConfig(num_clips=cell["clips"], frames_per_clip=cell["frames"])
    model = ModelConfig(
        expensive=BackboneConfig(name=cell["expensive"]),
        aggregator=table["aggregator"],
        pattern=cell["pattern"],
    )
    gmacs = video_cost(model, clips, CROP_SIZE, KINETICS_CLASSES).gmacs
    return PaperCell(
        table=table["number"],
        row=cell["row"],
        per=table["per"],
        paper_gmacs=cell["gflops"],
        gmacs=gmacs / clips.num_clips if table["per"] == "clip" else gmacs,
        misprint=cell.get("misprint", ""),
    )


def paper_table(cells: list[PaperCell]) -> Table:
    """The comparison for the terminal."""
    remarks = ["Tables 2 and 7 are per clip, 4 and 6 per video."]
    remarks += [f"misprint: {cell.row} ({cell.misprint})" for cell in cells if cell.misprint]
    remarks.append(f"rounded: beyond {TOLERANCE_PERCENT:g} %, but the same once rounded to one decimal as in the paper")
    table = Table(
        title="Multiply-adds / 1e9: the paper's GFLOPs and ours",
        caption="\n".join(remarks),
        caption_justify="left",
        box=SIMPLE,
        pad_edge=False,
    )
    for heading in ("table", "row"):
        table.add_column(heading, no_wrap=True)
    for heading in ("paper", "ours", "diff."):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note", no_wrap=True)
    for cell in cells:
        numbers = (f"{cell.paper_gmacs:.1f}", f"{cell.gmacs:.2f}", f"{cell.difference_percent:+.2f} %")
        table.add_row(str(cell.table), cell.row, *numbers, _note(cell))
    return table


def _note(cell: PaperCell) -> str:
    if cell.misprint:
        return "misprint"
    if abs(cell.difference_percent) <= TOLERANCE_PERCENT:
        return ""
    return "rounded" if cell.agrees else "differs"
