"""The code that measures the FMA peak does the multiply-adds that are counted."""

from pathlib import Path

import numpy as np
import pytest

from faster_video.engine import c_compiler
from faster_video.speed import fma_peak, peak, sgemm

SUMS = 12


def test_every_multiply_add_is_done() -> None:
    library = c_compiler.load_compiled(peak.SOURCE, peak.FURTHER_FLAGS, peak._declare)
    assert library.multiply_adds_per_step() in (SUMS * 8, SUMS * 16)
    sums = 0.999 * np.arange(1, SUMS + 1)
    for _ in range(50):
        sums = sums * 0.999 + 1e-3
    assert library.spin(50) == pytest.approx(sums.sum(), rel=1e-5)


def test_both_are_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock says: multiply-adds by the seconds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(peak, "STEPS", 1000)
    monkeypatch.setattr(peak, "SIDE", 200)
    c_compiler.forget()
    monkeypatch.setattr(peak, "seconds_of", lambda work, *_: (work(), 0.5)[1])
    assert sgemm() == pytest.approx(200**3 / 0.5 / 1e9)
    assert fma_peak(2) == pytest.approx(fma_peak(1) * 2)
    assert fma_peak(1) in [pytest.approx(1000 * SUMS * lanes / 0.5 / 1e9) for lanes in (8, 16)]
    assert [path.name[:5] for path in (tmp_path / "faster_video" / "kernels").iterdir()] == ["peak-"]
    c_compiler.forget()
