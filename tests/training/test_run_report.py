import io
import json
from pathlib import Path

import matplotlib.image
import pytest
from rich.console import Console

from faster_video.training.logs import STEP_FIELDS, write_rows
from faster_video.training.report import report_run, summary_table


def write_log(folder: Path) -> None:
    """Two epochs of two steps each of stage 1, one step of stage 2."""
    rows = [
        ("stage1_cheap", 0, 0, 8, 3.0, 0.0, 0.1, 2.0, 1.0),
        ("stage1_cheap", 0, 1, 8, 2.0, 0.25, 0.2, 1.0, 0.0),
        ("stage1_cheap", 1, 2, 8, 1.5, 0.5, 0.1, 0.5, 0.0),
        ("stage1_cheap", 1, 3, 4, 0.9, 1.0, 0.05, 0.5, 0.0),
        ("stage2", 0, 0, 6, 1.0, 0.5, 0.1, 3.0, 3.0),
    ]
    write_rows(folder / "log.csv", STEP_FIELDS, [dict(zip(STEP_FIELDS, row, strict=True)) for row in rows])


def test_the_summary_adds_up_the_steps_and_means_weigh_videos(tmp_path: Path) -> None:
    write_log(tmp_path)
    stage1, stage2 = report_run(tmp_path)
    assert (stage1.epochs, stage1.steps) == (2, 4)
    assert stage1.videos_per_second == pytest.approx(28 / 4)
    assert stage1.share_waiting == pytest.approx(1 / 4)
    assert stage1.loss == pytest.approx((8 * 1.5 + 4 * 0.9) / 12)
    assert stage1.top1 == pytest.approx((8 * 0.5 + 4) / 12)
    assert (stage2.stage, stage2.share_waiting) == ("stage2", 1.0)
    assert json.loads((tmp_path / "summary.json").read_text())[0]["steps"] == 4


def test_the_table_and_the_picture_show_every_stage(tmp_path: Path) -> None:
    write_log(tmp_path)
    report_run(tmp_path)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(summary_table(tmp_path))
    shown = console.export_text()
    assert "stage1_cheap" in shown and "stage2" in shown and "25.0%" in shown and "100.0%" in shown
    height, width, _ = matplotlib.image.imread(tmp_path / "curves.png").shape
    assert width > height > 400


def test_a_run_without_steps_has_no_picture(tmp_path: Path) -> None:
    assert report_run(tmp_path) == []
    assert not (tmp_path / "curves.png").exists()
