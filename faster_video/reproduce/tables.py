"""An experiment's results as tables in the paper's form: for Markdown and for the terminal."""

from collections.abc import Callable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from faster_video.reproduce.cells import Cell, Experiment
from faster_video.reproduce.comparisons import (
    Places,
    claims,
    column_name,
    difference,
    difference_text,
    pair_name,
    points,
    verdict,
)
from faster_video.reproduce.published import paper_number
from faster_video.reproduce.results import CellResult
from faster_video.reproduce.timing import Timing

Results = Mapping[Cell, CellResult]
Timings = Mapping[str, Timing]
"""By row; of Table 5."""
NOT_YET = "not yet"
_CORNERS = {
    "table2": "network \\ frames × clips",
    "table3": "aggregator \\ clips",
    "table4": "E:C \\ frames × clips",
    "table5": "method \\ frames × clips",
    "table6": "E:C \\ expensive network",
    "table8": "method \\ set",
    "figure3": "method \\ clips",
    "figure4": "method \\ frames × clips",
}


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head; the first column is flush left, the others right."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "|---|" + "---:|" * (len(rows[0]) - 1)
    return "\n".join([head, rule, *body])


def top1_rows(experiment: Experiment, results: Results) -> list[list[str]]:
    """`71.3 ± 0.6 (paper 70.1)` at every place."""
    return _grid(experiment, lambda cell: _with_paper(_top1(cell, results), _paper_top1(cell)))


def gmacs_rows(experiment: Experiment, results: Results) -> list[list[str]]:
    """`0.227, 41 % (paper 339.2, 35 %)` at every place: the share is of all clips expensive, averaged."""
    return _grid(experiment, lambda cell: _gmacs(experiment, cell, results))


def difference_tables(experiment: Experiment, results: Results) -> list[tuple[str, list[list[str]]]]:
    """Behind each claim of the paper a table of the differences that tell about it."""
    tables = []
    for claim in claims(experiment):
        found = [(pair, difference(pair, results)) for pair in claim.pairs]
        rows = [
            [
                pair_name(pair),
                difference_text(value),
                verdict(value),
                _percent(results[pair[0]].gmacs_per_video / results[pair[1]].gmacs_per_video),
                _paper_difference(pair),
            ]
            for pair, value in found
            if value is not None
        ]
        if rows:
            tables.append((claim.text, [["difference", "here", "", "cost", "paper"], *rows]))
    return tables


def timing_rows(experiment: Experiment, results: Results, timings: Timings) -> list[list[str]]:
    """Medians of the rounds, and each as a share of all clips expensive, beside the share of GMACs."""
    head = ["method", "seconds", "share", "networks alone, seconds", "share", "share of GMACs", "the paper's seconds"]
    rows = []
    for cell in experiment.cells:
        usual = Places(experiment).usual(cell)
        if cell.row not in timings or usual is None or usual.row not in timings:
            continue
        mine, theirs = timings[cell.row], timings[usual.row]
        known = cell in results and usual in results
        rows.append(
            [
                cell.row,
                _rounds(mine.seconds, mine.median),
                _percent(mine.median / theirs.median),
                _rounds(mine.network_seconds, mine.network_median),
                _percent(mine.network_median / theirs.network_median),
                _percent(results[cell].gmacs_per_video / results[usual].gmacs_per_video) if known else NOT_YET,
                _paper_seconds(cell, usual),
            ]
        )
    return [head, *rows]


def printed_table(experiment: Experiment, results: Results, *, seconds: Timings | None = None) -> Table:
    """Accuracy, cost and the paper's numbers for the terminal, a few lines to a cell."""
    head, *rows = _grid(experiment, lambda cell: _lines(experiment, cell, results, seconds or {}))
    caption = "top-1 in % ± standard deviation between seeds; GMACs per "
    caption += "clip" if is_per_clip(experiment) else "video"
    caption += ", and their share of all clips expensive" if has_shares(experiment) else ""
    table = Table(title=Text(title_of(experiment)), caption=Text(caption), show_lines=True)
    for number, name in enumerate(head):
        table.add_column(Text(name), justify="right" if number else "left", no_wrap=bool(number))
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def title_of(experiment: Experiment) -> str:
    """`Table 3: …`."""
    kind, number = experiment.name[:-1], experiment.name[-1]
    return f"{kind.capitalize()} {number}: {experiment.title}"


def is_per_clip(experiment: Experiment) -> bool:
    """Whether costs stand there per clip, as in the paper's Table 2."""
    return experiment.name == "table2"


def has_shares(experiment: Experiment) -> bool:
    """Whether costs stand there as shares of all clips expensive, averaged, too: where there is such a cell."""
    return not is_per_clip(experiment) and any(Places(experiment).usual(cell) for cell in experiment.cells)


def num_seeds(results: Results) -> int:
    """How many every cell with a result has; 0 where there is none."""
    return max((len(result.seeds) for result in results.values()), default=0)


def written_gmacs(gmacs: float) -> str:
    """One decimal like the paper, three digits where that would show next to nothing."""
    return f"{gmacs:.1f}" if round(gmacs, 1) >= 100 else f"{gmacs:#.3g}"


def _grid(experiment: Experiment, text_of: Callable[[Cell], str]) -> list[list[str]]:
    """The table's places with a head; empty where there is no cell."""
    places = Places(experiment)
    rows = [[_CORNERS[experiment.name], *map(column_name, places.columns)]]
    for row in places.rows:
        cells = [places.at(row, column) for column in places.columns]
        rows.append([row, *("" if cell is None else text_of(cell) for cell in cells)])
    return rows


def _top1(cell: Cell, results: Results) -> str:
    if cell not in results:
        return NOT_YET
    found = results[cell]
    return f"{100 * found.top1:.1f}" + (f" ± {100 * found.spread:.1f}" if len(found.seeds) > 1 else "")


def _gmacs(experiment: Experiment, cell: Cell, results: Results) -> str:
    """Ours and the paper's, with shares where all clips expensive stand in the same column."""
    paper = "" if cell.paper_gmacs is None else f"{cell.paper_gmacs:.1f}"
    usual = None if is_per_clip(experiment) else Places(experiment).usual(cell)
    if paper and cell.paper_gmacs and usual is not None and usual.paper_gmacs:
        paper += f", {_percent(cell.paper_gmacs / usual.paper_gmacs)}"
    return _with_paper(_own_gmacs(experiment, cell, results), paper)


def _own_gmacs(experiment: Experiment, cell: Cell, results: Results) -> str:
    if cell not in results:
        return NOT_YET
    gmacs = results[cell].gmacs_per_video
    if is_per_clip(experiment):
        return written_gmacs(gmacs / cell.setting.clips.num_clips)
    usual = Places(experiment).usual(cell)
    if usual is None or usual not in results:
        return written_gmacs(gmacs)
    return f"{written_gmacs(gmacs)}, {_percent(gmacs / results[usual].gmacs_per_video)}"


def _lines(experiment: Experiment, cell: Cell, results: Results, timings: Timings) -> str:
    """A cell for the terminal."""
    lines = [_top1(cell, results)]
    if cell in results:
        lines.append(_own_gmacs(experiment, cell, results))
    if cell.row in timings:
        lines.append(f"{timings[cell.row].median:.1f} s")
    if cell.paper_top1 is not None:
        lines.append(f"paper {cell.paper_top1:.1f}")
    return "\n".join(lines)


def _rounds(seconds: Sequence[float], middle: float) -> str:
    """The median, and the range where there are several."""
    if len(seconds) == 1:
        return f"{middle:.3g}"
    return f"{middle:.3g} ({min(seconds):.3g} – {max(seconds):.3g})"


def _paper_seconds(cell: Cell, usual: Cell) -> str:
    """With the share of all clips expensive; at the paper's own size and machine."""
    mine, theirs = (paper_number(5, one.row, "32 × 8") for one in (cell, usual))
    if mine is None or theirs is None or not mine.seconds or not theirs.seconds:
        return ""
    return f"{mine.seconds:.1f}, {_percent(mine.seconds / theirs.seconds)}"


def _with_paper(text: str, paper: str) -> str:
    return f"{text} (paper {paper})" if paper else text


def _paper_top1(cell: Cell) -> str:
    return "" if cell.paper_top1 is None else f"{cell.paper_top1:.1f}"


def _paper_difference(pair: tuple[Cell, Cell]) -> str:
    one, other = (cell.paper_top1 for cell in pair)
    return "" if one is None or other is None else points((one - other) / 100)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
