"""How an answer came about, clip after clip: as a table for the terminal and as a picture.

Shapes: N clips of a video, K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from faster_video.files import printable
from faster_video.inference.answers import Classification
from faster_video.pictures import COLOURS, save_picture, shortened

if TYPE_CHECKING:  # it takes a third of a second to load, and most classifications are not drawn
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

MOST_VIDEOS = 12
"""Videos in one picture; of more, the first ones are drawn and the picture says so."""
MOST_LINES = len(COLOURS)
"""Labels in one panel."""
LOWEST_PEAK = 1 / 20
"""Labels that never came to this share of the highest probability drawn lie on the axis and get no line."""
_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
"""One per colour, for prints in grey."""
_SHADE = "#E4E4E4"


def timeline_table(classification: Classification) -> Table:
    """The answer after every clip, one line each."""
    title = f"{printable(classification.path)}: {printable(classification.label)} ({classification.probability:.1%})"
    table = Table(title=Text(title))  # as Text, because names may hold what rich takes for markup
    for name in ("seconds", "network", "best label so far", "probability", "GMACs so far"):
        table.add_column(name, justify="left" if name in ("network", "best label so far") else "right")
    for clip in classification.clips:
        table.add_row(
            f"{clip.start_seconds:.2f} – {clip.end_seconds:.2f}",
            Text("expensive", "bold") if clip.expensive else "cheap",
            Text(printable(clip.label)),
            f"{clip.probability:.1%}",
            _written(clip.gmacs),
        )
    usual = classification.gmacs_all_expensive
    table.caption = f"{classification.gmacs / usual:.1%} of the {_written(usual)} GMACs if every clip were expensive"
    if len(classification.clips) < classification.num_clips:
        table.caption = f"known after {len(classification.clips)} of {classification.num_clips} clips; {table.caption}"
    return table


def plot_timeline(
    classifications: Classification | Sequence[Classification], path: str | Path, *, left_out: int = 0
) -> None:
    """Draw, for each video, the probability of its leading labels and the GMACs spent, clip after clip.

    The picture says how many videos are not drawn: those beyond `MOST_VIDEOS`, and `left_out` that were not even given.

    Raises:
        PictureError: the name is not a picture's, or nothing can be written there.
    """
    from matplotlib.figure import Figure

    videos = [classifications] if isinstance(classifications, Classification) else list(classifications)
    drawn = videos[:MOST_VIDEOS]
    figure = Figure(figsize=(10, 4.8 * len(drawn)), dpi=120, layout="constrained")
    rows = figure.subfigures(len(drawn), 1, squeeze=False, hspace=0.06)[:, 0]
    for row, video in zip(rows, drawn, strict=True):
        above, below = row.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _draw_probabilities(above, video)
        _draw_gmacs(below, video)
    missing = len(videos) - len(drawn) + left_out
    if missing:
        figure.supxlabel(f"and {missing} more video{'s' if missing > 1 else ''}, not drawn", fontsize=11)
    save_picture(figure, path)


def leading_labels(classification: Classification) -> list[str]:
    """The labels worth a line: the highest peaks and the winner, in the order of the final answer."""
    by_label = zip(*(clip.probabilities for clip in classification.clips), strict=True)
    peaks = dict(zip(classification.classes, map(max, by_label), strict=True))
    lowest = LOWEST_PEAK * max(peaks.values())
    candidates = [label for label in sorted(peaks, key=lambda label: -peaks[label]) if peaks[label] >= lowest]
    chosen = {classification.label, *candidates[: MOST_LINES - 1]}
    return [label for label, _ in classification.labels if label in chosen]


def _draw_probabilities(axes: "Axes", video: Classification) -> None:
    """One step line per leading label; the step over clip i is the answer once clip i is known."""
    for label, colour, style in zip(leading_labels(video), COLOURS, _STYLES, strict=False):
        index = video.classes.index(label)
        heights = [clip.probabilities[index] for clip in video.clips]
        width = 2.6 if label == video.label else 1.7
        name = f"{shortened(label, 28)}  {heights[-1]:.0%}"
        axes.stairs(heights, baseline=None, color=colour, linestyle=style, linewidth=width, label=name)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_ylabel("probability\nafter the clip", fontsize=11)
    title = f"{shortened(video.path.name, 48)}: {shortened(video.label, 32)}, {video.probability:.0%}"
    axes.set_title(title, fontsize=13, loc="left", parse_math=False)
    _shade_expensive(axes, video)
    _put_legend(axes, [], "label, at the end")


def _draw_gmacs(axes: "Axes", video: Classification) -> None:
    """What was spent so far, against the expensive network on every clip."""
    from matplotlib.patches import Patch

    count = len(video.clips)
    usual = [video.gmacs_all_expensive * (clip + 1) / video.num_clips for clip in range(count)]
    share = video.gmacs / video.gmacs_all_expensive
    axes.stairs(
        usual,
        baseline=None,
        color="#555555",
        linestyle="--",
        linewidth=1.7,
        label=f"every clip expensive  {_written(video.gmacs_all_expensive)}",
    )
    axes.stairs(
        [clip.gmacs for clip in video.clips],
        baseline=0,
        fill=True,
        color=COLOURS[0],
        alpha=0.75,
        label=f"{_chosen_by(video)}  {_written(video.gmacs)} ({share:.0%})",
    )
    axes.set_ylim(0, 1.05 * max(usual[-1], video.gmacs))
    axes.set_ylabel("GMACs\nso far", fontsize=11)
    axes.set_xlabel("seconds of the video seen (one step per clip)", fontsize=11)
    every = -(-count // 16)  # more ticks than 16 would overlap
    shown = range(every - 1, count, every)
    axes.set_xticks([clip + 0.5 for clip in shown], [f"{video.clips[clip].end_seconds:.1f}" for clip in shown])
    _shade_expensive(axes, video)
    _put_legend(axes, [Patch(color=_SHADE, label="expensive clip")], "GMACs of the video")


def _chosen_by(video: Classification) -> str:
    known = (
        "" if len(video.clips) == video.num_clips else f", known after {len(video.clips)} of {video.num_clips} clips"
    )
    return f"pattern {video.pattern}{known}"


def _shade_expensive(axes: "Axes", video: Classification) -> None:
    for number, clip in enumerate(video.clips):
        if clip.expensive:
            axes.axvspan(number, number + 1, color=_SHADE, zorder=0, linewidth=0)
    axes.set_xlim(0, len(video.clips))
    axes.tick_params(labelsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _put_legend(axes: "Axes", more: "list[Patch]", title: str) -> None:
    """Right of the axes, where it covers nothing."""
    handles, names = axes.get_legend_handles_labels()
    legend = axes.legend(
        [*handles, *more],
        [*names, *(str(patch.get_label()) for patch in more)],
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=10,
        alignment="left",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a label may hold dollar signs


def _written(gmacs: float) -> str:
    """Three figures, whole numbers from 100 on: small networks cost hundredths of a GMAC, the paper's hundreds."""
    return f"{gmacs:,.0f}" if gmacs >= 99.95 else f"{gmacs:#.3g}"
