"""What this machine can do, and how much of it a recipe or a bundle gets."""

from faster_video.speed.benchmark import benchmark
from faster_video.speed.peak import fma_peak, sgemm
from faster_video.speed.report import Benchmark, Measured, Part, benchmark_table
from faster_video.speed.samples import let_every_block_speak, random_bundle, write_made_up_video

__all__ = [
    "Benchmark",
    "Measured",
    "Part",
    "benchmark",
    "benchmark_table",
    "fma_peak",
    "let_every_block_speak",
    "random_bundle",
    "sgemm",
    "write_made_up_video",
]
