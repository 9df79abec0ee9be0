import errno
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from faster_video.errors import TrainingError
from faster_video.training import checkpoint as checkpoints_module
from faster_video.training.checkpoint import (
    Checkpoint,
    checkpoints,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)


def state(step: int) -> Checkpoint:
    return Checkpoint(
        step=step,
        weights={"norm.weight": torch.full((3,), float(step)), "norm.num_batches_tracked": torch.tensor(step)},
        optimizer={"0.exp_avg": torch.arange(3.0) * step, "0.step": torch.tensor(float(step))},
        average={"norm.weight": torch.ones(3).half()},
        precision={"scale": torch.tensor(2.0**16, dtype=torch.float64)},
    )


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return one.step == other.step and all(
        mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
        for mine, theirs in (
            (one.weights, other.weights),
            (one.optimizer, other.optimizer),
            (one.average, other.average),
            (one.precision, other.precision),
        )
    )


def no_warning(message: str) -> None:
    raise AssertionError(message)


def test_what_is_saved_is_read_and_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (3, 20, 100, 7000):
        save_checkpoint(tmp_path, state(step))
    assert [load_checkpoint(path).step for path in checkpoints(tmp_path)] == [7000, 100]
    found = newest_checkpoint(tmp_path, no_warning)
    assert found is not None and same(found, state(7000))


def test_a_stage_that_has_not_begun_has_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "stage", no_warning) is None


@given(place=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255))
def test_any_damaged_byte_is_noticed_and_the_one_before_is_taken(
    tmp_path_factory: pytest.TempPathFactory, place: float, flipped: int
) -> None:
    folder = tmp_path_factory.mktemp("stage")
    save_checkpoint(folder, state(5))
    save_checkpoint(folder, state(6))
    newest, _ = checkpoints(folder)
    content = bytearray(newest.read_bytes())
    content[int(place * len(content))] ^= flipped
    newest.write_bytes(content)
    said: list[str] = []
    found = newest_checkpoint(folder, said.append)
    assert found is not None
    if same(found, state(6)):  # the byte was one of the blanks that fill up the header
        assert said == []
    else:
        assert same(found, state(5))
        assert len(said) == 1 and "is not a whole checkpoint" in said[0] and "going on from step-00000005" in said[0]


def test_a_cut_off_checkpoint_is_noticed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(5))
    (path,) = checkpoints(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TrainingError, match=r"step-00000005.safetensors: is not a whole checkpoint \(.*\); delete "):
        newest_checkpoint(tmp_path, no_warning)


def test_what_a_killed_process_left_unfinished_is_cleared_away(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(5))
    (tmp_path / ".step-00000006.safetensors.x1y2").write_bytes(b"half of it")
    (tmp_path / ".tmpx1y2z3").touch()
    found = newest_checkpoint(tmp_path, no_warning)
    assert found is not None and found.step == 5
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005.safetensors"]


def test_a_full_disk_keeps_the_checkpoints_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, state(5))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints_module, "save_file", full)
    with pytest.raises(TrainingError, match=r"cannot write the checkpoint \(No space left on device\); the one before"):
        save_checkpoint(tmp_path, state(6))
    monkeypatch.undo()
    assert [load_checkpoint(path).step for path in checkpoints(tmp_path)] == [5]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_gives_back_other_bytes_costs_no_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, state(4))
    save_checkpoint(tmp_path, state(5))
    save = safetensors.torch.save_file

    def lossy(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
        save(tensors, path, metadata)
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    monkeypatch.setattr(checkpoints_module, "save_file", lossy)
    with pytest.raises(TrainingError, match="is not a whole checkpoint"):
        save_checkpoint(tmp_path, state(6))
    monkeypatch.undo()
    found = newest_checkpoint(tmp_path, lambda _: None)
    assert found is not None and same(found, state(5))
