"""What a benchmark found: in numbers, and as a table for the terminal."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from faster_video.files import printable
from faster_video.video import VideoInfo


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of every round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """What is reported."""
        return median(self.rounds)

    @property
    def spread(self) -> list[float]:
        """The smallest and the largest."""
        return [min(self.rounds), max(self.rounds)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a part of the work takes for one video."""

    name: str
    gmacs: float
    seconds: Measured


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """What this machine does with a model."""

    recipe: str | None
    """Random weights then; else `bundle` is given."""
    bundle: Path | None
    pattern: str
    num_clips: int
    engine: str
    device: str
    processor: str
    threads: int
    python: str
    torch: str
    video: VideoInfo
    is_made_up: bool
    """Whether the video was made for this."""
    gmacs: float
    """Of the whole video."""
    seconds_model: Measured
    """Clips in memory to the label."""
    seconds_total: Measured
    """File to label."""
    sgemm: Measured
    """GMAC/s."""
    fma_peak: Measured | None
    """GMAC/s; None where it cannot be measured."""
    parts: tuple[Part, ...]
    """The model's, one after the other, and decoding by itself."""

    @property
    def efficiency(self) -> float | None:
        """GMACs / (model seconds × FMA peak): above 1 where an algorithm saves products."""
        return self.efficiency_of(self.gmacs, self.seconds_model)

    def efficiency_of(self, gmacs: float, seconds: Measured) -> float | None:
        """The same of a part; None where nothing is multiplied, or the peak is not known."""
        if self.fma_peak is None or not gmacs:
            return None
        return gmacs / (seconds.median * self.fma_peak.median)

    def as_dict(self) -> dict[str, object]:
        """All of the above in types that JSON has."""
        measured = {
            "seconds_model": self.seconds_model,
            "seconds_total": self.seconds_total,
            "fma_peak_gmacs_per_second": self.fma_peak,
            "sgemm_gmacs_per_second": self.sgemm,
        }
        return {
            "recipe": self.recipe,
            "bundle": None if self.bundle is None else str(self.bundle),
            "pattern": self.pattern,
            "num_clips": self.num_clips,
            "engine": self.engine,
            "device": self.device,
            "processor": self.processor,
            "threads": self.threads,
            "python": self.python,
            "torch": self.torch,
            "video": {
                "path": None if self.is_made_up else str(self.video.path),
                "made_up": self.is_made_up,
                "codec": self.video.codec,
                "num_frames": self.video.num_frames,
                "width": self.video.width,
                "height": self.video.height,
                "seconds": self.video.seconds,
            },
            "rounds": len(self.seconds_model.rounds),
            "gmacs": self.gmacs,
            **{name: None if value is None else value.median for name, value in measured.items()},
            "efficiency": self.efficiency,
            "spread": {name: None if value is None else value.spread for name, value in measured.items()},
            "parts": [
                {
                    "name": part.name,
                    "gmacs": part.gmacs,
                    "seconds": part.seconds.median,
                    "spread": part.seconds.spread,
                    "efficiency": self.efficiency_of(part.gmacs, part.seconds),
                    "share_of_seconds_model": part.seconds.median / self.seconds_model.median,
                }
                for part in self.parts
            ],
        }


def benchmark_table(found: Benchmark) -> Table:
    """One line per part, then the model and all from file to label."""
    what = f"recipe {found.recipe}, random weights" if found.bundle is None else printable(found.bundle)
    table = Table(
        title=Text(f"{what}\none video of {found.num_clips} clips, pattern {found.pattern}, engine {found.engine}"),
        caption=Text(_caption(found)),
        box=SIMPLE,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for name in ("GMACs", "ms", "min – max", "of peak", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, part in enumerate(found.parts, start=1):
        table.add_row(*_row(found, part.name, part.gmacs, part.seconds), end_section=number == len(found.parts))
    table.add_row(*_row(found, "model, clips in memory", found.gmacs, found.seconds_model))
    table.add_row(*_row(found, "file to label", found.gmacs, found.seconds_total))
    return table


def _row(found: Benchmark, name: str, gmacs: float, seconds: Measured) -> tuple[str, ...]:
    efficiency = found.efficiency_of(gmacs, seconds)
    return (
        name,
        _digits(gmacs),
        _digits(1000 * seconds.median),
        " – ".join(_digits(1000 * value) for value in seconds.spread),
        "" if efficiency is None else f"{efficiency:.2f}",
        f"{seconds.median / found.seconds_model.median:.1%}",
    )


def _digits(value: float) -> str:
    """Three digits; large numbers whole."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _caption(found: Benchmark) -> str:
    video = found.video
    file = "a made-up file" if found.is_made_up else printable(video.path)
    peak = "not measured" if found.fma_peak is None else f"{found.fma_peak.median:.1f} GMAC/s"
    return (
        "of peak: GMACs / (seconds × FMA peak); share: of the model's time\n"
        f"median of {len(found.seconds_model.rounds)} rounds; FMA peak {peak}, sgemm {found.sgemm.median:.1f} GMAC/s\n"
        f"{file}: {video.codec}, {video.num_frames} frames of {video.width}×{video.height}\n"
        f"{found.processor}, {found.threads} threads, {found.device}; PyTorch {found.torch}, Python {found.python}"
    )
