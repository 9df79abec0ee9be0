"""A check's report for people, as tables for the terminal."""

from collections import Counter
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from faster_video.datasets.checking.report import CheckedVideo, CheckReport, Copies, codec_of, size_of
from faster_video.files import printable

MOST_LISTED = 20
"""Videos of one kind named in the terminal; the files of the report name all."""
MOST_LABELS = 30
"""Labels up to which each has a line."""
MOST_KINDS = 4
"""Codecs or picture sizes named; the rest are counted."""


def report_tables(report: CheckReport) -> list[Table]:
    """What the list holds, what is wrong with which videos, and the videos of each label."""
    return [_summary(report), *_faults(report), _labels(report)]


def _summary(report: CheckReport) -> Table:
    table = Table(title=f"{len(report.videos)} videos", show_header=False)
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_column("remark")
    table.add_row("readable", f"{len(report.readable):,}", "every frame decodes")
    table.add_row("broken", f"{len(report.broken):,}", "")
    table.add_row("missing", f"{len(report.missing):,}", "")
    short = f"fewer than {report.min_frames} frames; training repeats the last one"
    table.add_row("too short", f"{len(report.too_short):,}", short)
    copies = sum(len(copies.videos) - 1 for copies in report.copies)
    table.add_row("copies", f"{copies:,}", "listed before, or the same content as another")
    table.add_row("contradictions", f"{len(report.contradictions):,}", "the same content under different labels")
    table.add_section()
    hours = report.seconds / 3600
    table.add_row("hours", f"{hours:,.1f}" if hours >= 10 else f"{hours:.3f}", f"{report.num_frames:,} frames")
    table.add_row("files", _bytes(report.num_bytes), f"{_bytes(report.num_bytes / max(1, len(report.readable)))} each")
    table.add_row("codecs", "", _most_frequent(report.count(codec_of)))
    table.add_row("pictures", "", _most_frequent(report.count(size_of)))
    table.add_section()
    table.add_row("from the cache", f"{report.num_cached:,}", "files that have not changed since an earlier check")
    return table


def _faults(report: CheckReport) -> list[Table]:
    """A table per kind of fault that occurs."""
    tables = []
    for title, videos, of in (
        ("broken", report.broken, _reason),
        ("missing", report.missing, _label),
        ("too short", report.too_short, _length),
    ):
        if videos:
            table = _two_columns(title, len(videos))
            for video in videos[:MOST_LISTED]:
                table.add_row(Text(printable(video.path)), Text(of(video)))
            tables.append(table)
    contradictions = report.contradictions
    copies = [copies for copies in report.copies if not copies.contradicts]
    for title, groups in (("contradictions", contradictions), ("copies", copies)):
        if groups:
            table = _two_columns(title, len(groups))
            for group in groups[:MOST_LISTED]:
                table.add_row(Text(printable(group.videos[0].path)), Text(_others(group)))
            tables.append(table)
    return tables


def _two_columns(title: str, count: int) -> Table:
    caption = f"… and {count - MOST_LISTED:,} more, in report.json" if count > MOST_LISTED else None
    table = Table(title=title, box=SIMPLE_HEAD, show_header=False, caption=caption)
    table.add_column("path", overflow="fold")
    table.add_column("what", overflow="fold")
    return table


def _reason(video: CheckedVideo) -> str:
    return printable(video.fault or "")


def _label(video: CheckedVideo) -> str:
    return printable(video.label)


def _length(video: CheckedVideo) -> str:
    count = video.sound.num_frames if video.sound else 0
    return f"{count} frame{'s' if count != 1 else ''}"


def _others(group: Copies) -> str:
    first, *rest = group.videos
    if group.contradicts:
        again = (f"{printable(video.label)} ({printable(video.path)})" for video in rest)
        return f"{printable(first.label)}, but also {', '.join(again)}"
    if group.is_one_file:
        return f"listed {len(group.videos)} times"
    return f"same content: {', '.join(printable(video.path) for video in rest)}"


def _labels(report: CheckReport) -> Table:
    table = Table(title="videos per label", box=SIMPLE_HEAD)
    table.add_column("label", overflow="fold")
    table.add_column("listed", justify="right")
    table.add_column("readable", justify="right")
    if len(report.labels) <= MOST_LABELS:
        for label, (listed, readable) in report.labels.items():
            table.add_row(Text(printable(label)), f"{listed:,}", f"{readable:,}")
        return table
    counts = sorted((readable, label, listed) for label, (listed, readable) in report.labels.items())
    for what, (readable, label, listed) in (("fewest", counts[0]), ("most", counts[-1])):
        table.add_row(Text(f"{what}: {printable(label)}"), f"{listed:,}", f"{readable:,}")
    middle = (median(listed for _, _, listed in counts), median(readable for readable, _, _ in counts))
    table.add_row(f"median of {len(counts):,} labels", *(f"{value:,.0f}" for value in middle))
    return table


def _most_frequent(counts: Counter[str]) -> str:
    named = [f"{name} ({count:,})" for name, count in counts.most_common(MOST_KINDS)]
    if len(counts) > MOST_KINDS:
        named.append(f"{len(counts) - MOST_KINDS} others")
    return ", ".join(named)


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
