"""A folder of predictions: whole parts, one writer, no row twice, and nothing mixed."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prediction_samples import names_in

from faster_video.errors import StoreError
from faster_video.predictions import PredictionFolder
from faster_video.predictions import folder as module
from faster_video.predictions.rows import failed_row, table_of

SETTINGS = {"weights_sha256": "ab", "pattern": "1:3", "stop": None, "top": 5, "config_sha256": "cd"}


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether it holds within two minutes."""
    until = time.monotonic() + 120
    while not (held := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return held


def add(folder: PredictionFolder, names: Sequence[str], error: str = "broken") -> None:
    folder.add(table_of([failed_row(name, error) for name in names]))


def test_what_is_added_is_there_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    with PredictionFolder.opened(tmp_path / "out", SETTINGS) as folder:
        add(folder, ["a", "b"])
        assert folder.done == {"a", "b"}
    with PredictionFolder.opened(tmp_path / "out", SETTINGS) as folder:
        assert (folder.done, folder.failed) == ({"a", "b"}, 2)
        add(folder, ["c"])
    assert names_in(tmp_path / "out") == ["a", "b", "c"]
    assert folder.table()["path"].to_pylist() == ["a", "b", "c"]
    assert list(folder.errors()) == [("a", "broken"), ("b", "broken"), ("c", "broken")]


def test_parts_are_written_as_they_fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 3)
    with PredictionFolder.opened(tmp_path / "out", SETTINGS) as folder:
        add(folder, ["a"])
        assert names_in(tmp_path / "out") == []
        add(folder, ["b", "c"])
        assert names_in(tmp_path / "out") == ["a", "b", "c"]
        add(folder, ["d"])
    assert [part.name for part in folder.parts] == ["part-000000.parquet", "part-000001.parquet"]
    assert names_in(tmp_path / "out") == ["a", "b", "c", "d"]


def test_a_row_that_has_waited_is_written_though_no_other_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_SECONDS", 0.2)
    with PredictionFolder.opened(tmp_path / "out", SETTINGS) as folder:
        add(folder, ["a"])
        assert wait_for(lambda: names_in(tmp_path / "out") == ["a"])
        add(folder, ["b"])
        assert wait_for(lambda: names_in(tmp_path / "out") == ["a", "b"])
    assert len(folder.parts) == 2


def test_what_could_not_be_written_in_time_is_said_with_the_next_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def full(*given: object) -> None:
        tries.append(given)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "PART_SECONDS", 0)
    with PredictionFolder.opened(tmp_path / "out", SETTINGS) as folder:
        with monkeypatch.context() as patch:
            patch.setattr(module, "_write", full)
            add(folder, ["a"])
            assert wait_for(lambda: len(tries) == 1)
            with pytest.raises(StoreError, match="cannot write the predictions there: No space left on device"):
                add(folder, ["b"])
        add(folder, ["c"])  # for there is room again
        assert names_in(tmp_path / "out") == ["a", "b", "c"]


def test_a_folder_in_which_nothing_was_found_is_not_bound_to_its_first_settings(tmp_path: Path) -> None:
    with PredictionFolder.opened(tmp_path, SETTINGS):
        pass
    with PredictionFolder.opened(tmp_path, SETTINGS | {"top": 1}) as folder:
        add(folder, ["a"])
    with pytest.raises(StoreError, match="top is 1 there and 5 now"):  # noqa: SIM117
        with PredictionFolder.opened(tmp_path, SETTINGS):
            raise AssertionError


def test_what_waits_is_written_when_a_run_is_interrupted(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), PredictionFolder.opened(tmp_path / "out", SETTINGS) as folder:
        add(folder, ["a"])
        raise KeyboardInterrupt
    assert names_in(tmp_path / "out") == ["a"]


def test_a_run_that_fails_before_anything_is_known_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), PredictionFolder.opened(tmp_path / "out", SETTINGS):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pattern": "1:0", "config_sha256": "ef"}, "pattern is 1:3 there and 1:0 now"),
        ({"stop": "0.9:1"}, "stop is not given there and 0.9:1 now"),
        ({"top": 1, "weights_sha256": "12"}, "the bundle's weights; top is 5 there and 1 now"),
        ({"config_sha256": "ef"}, "the bundle's labels, clips or calibration"),
        ({"config_sha256": "ef", "top": 1}, "top is 5 there and 1 now; the bundle's labels, clips or calibration"),
        ({"calibrate": "/a"}, "calibrate is not given there and /a now"),
    ],
)
def test_other_settings_are_refused_by_what_differs(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        add(folder, ["a"])
    with pytest.raises(StoreError, match=f"made with other settings: {said}; give the same bundle and options, or"):  # noqa: SIM117
        with PredictionFolder.opened(tmp_path, SETTINGS | changes):
            raise AssertionError
    assert names_in(tmp_path) == ["a"]


def test_only_one_process_writes_at_a_time(tmp_path: Path) -> None:
    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        with pytest.raises(StoreError, match="another process is writing to it; wait until that one ends"):  # noqa: SIM117
            with PredictionFolder.opened(tmp_path, SETTINGS):
                raise AssertionError
        add(folder, ["a"])
    assert names_in(tmp_path) == ["a"]


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        add(folder, ["a"])
    (tmp_path / ".part-000001.parquet.abcd1234").write_bytes(b"half")
    (tmp_path / ".mine").write_bytes(b"whole")
    with PredictionFolder.opened(tmp_path, SETTINGS):
        assert {path.name for path in tmp_path.glob(".*")} == {".mine", ".lock"}


def test_a_damaged_part_is_named_with_the_way_out(tmp_path: Path) -> None:
    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        add(folder, ["a"])
    part = tmp_path / "part-000000.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"part-000000\.parquet: is damaged \(.*\); remove it, and the same command"):  # noqa: SIM117
        with PredictionFolder.opened(tmp_path, SETTINGS):
            raise AssertionError
    part.unlink()
    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        assert folder.done == set()


def test_damaged_settings_and_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "_predictions.json").write_text(json.dumps({"format": "another"} | SETTINGS))
    with pytest.raises(StoreError, match=r"_predictions\.json: is damaged or of another version"):  # noqa: SIM117
        with PredictionFolder.opened(tmp_path, SETTINGS):
            raise AssertionError
    (tmp_path / "_predictions.json").rename(tmp_path / "notes.txt")
    with pytest.raises(StoreError, match="is there already and holds no predictions; choose a new folder"):  # noqa: SIM117
        with PredictionFolder.opened(tmp_path, SETTINGS):
            raise AssertionError


def test_a_full_disk_is_one_sentence_and_the_parts_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        add(folder, ["a"])
    with pytest.raises(StoreError, match="cannot write the predictions there: No space left on device; what is in it"):  # noqa: SIM117
        with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
            add(folder, ["b"])
            monkeypatch.setattr(module, "_write", full)
    assert names_in(tmp_path) == ["a"]


def test_failed_ones_are_taken_out_to_be_done_again(tmp_path: Path) -> None:
    fine = {"path": "b", "label": "wave"}
    with PredictionFolder.opened(tmp_path, SETTINGS) as folder:
        folder.add(table_of([failed_row("a", "gone"), fine]))
        folder.flush()
        add(folder, ["c"])
    with PredictionFolder.opened(tmp_path, SETTINGS, retry_failed=True) as folder:
        assert (folder.done, folder.failed) == ({"b"}, 0)
        add(folder, ["a"])
    assert names_in(tmp_path) == ["b", "a"]
    assert pq.read_table(tmp_path)["label"].to_pylist() == ["wave", None]
