"""docs/scale.md says what the cost model says, and the model is that of the code that it is about."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scale import predicted, ways
from scale_model import (
    LATENCY_SECONDS,
    MACHINES,
    TASK_FILES,
    TASK_GMACS,
    Job,
    Machine,
    faster16_seconds,
    jobs,
    limit_of,
    needed,
    samples,
    seconds,
    view_megabytes,
)

from faster_video.cluster import predict
from faster_video.predictions.run import FETCHED_AHEAD

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"
SMALL = Machine(name="small", vcpus=4, gbit=8.0, dollars_per_hour=1.0)
PLAIN = Job(
    name="plain",
    megabytes_in=1.0,
    megabytes_out=0.001,
    decode_seconds=0.5,
    network_seconds=1.5,
    gpu_seconds=0.01,
    files_per_task=10,
)


def tables() -> Iterator[str]:
    """Each table that `predict` prints, its lines together."""
    for part in "\n".join(predicted(samples())).split("\n\n"):
        lines = [line for line in part.splitlines() if line.startswith("|")]
        if lines:
            yield "\n".join(lines)


@pytest.mark.parametrize("table", list(tables()), ids=lambda table: table[:30])
def test_the_document_has_every_table_as_it_is_predicted(table: str) -> None:
    assert table in DOCUMENT.read_text("utf-8"), "put what scale.py predict prints into docs/scale.md"


def test_tasks_and_fetching_are_those_of_the_cluster() -> None:
    assert (TASK_GMACS, TASK_FILES) == (predict.TASK_GMACS, predict.TASK_FILES)
    assert PLAIN.fetches == FETCHED_AHEAD
    found = jobs(samples())
    assert found["classify16"].files_per_task == 1
    assert 1 < found["default"].files_per_task < TASK_FILES


def test_the_slowest_part_is_the_limit() -> None:
    assert limit_of(PLAIN, SMALL) == ("cores", 2 / (2.0 + LATENCY_SECONDS / 10))
    assert limit_of(replace(PLAIN, megabytes_in=1e5), SMALL) == ("network", 0.01)
    on_gpu = replace(SMALL, gpus=1, gpu="H200")
    assert limit_of(PLAIN, on_gpu) == ("decoding", 4.0)
    assert limit_of(replace(PLAIN, gpu_seconds=1.0), on_gpu) == ("GPU", 1.0)
    assert limit_of(replace(PLAIN, decode_seconds=0.01), on_gpu) == ("fetching", 1 / LATENCY_SECONDS)


def test_what_was_never_measured_on_a_gpu_is_not_predicted_for_one() -> None:
    with pytest.raises(ValueError, match="plain was never measured on a GPU"):
        limit_of(replace(PLAIN, gpu_seconds=None), replace(SMALL, gpus=1))


@pytest.mark.parametrize("name", ["classify16", "default", "extract16", "stage2"])
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_as_many_machines_as_are_said_are_enough_and_one_less_is_not(name: str, machine: Machine) -> None:
    for job in ways(jobs(samples())[name], machine):
        need = needed(job, machine, 1e9, 720.0, 0.006)
        assert seconds(job, machine, need.machines, 1e9, 0.006, need.drivers) <= 720 * 3600
        if need.machines > 1:
            assert seconds(job, machine, need.machines - 1, 1e9, 0.006, need.drivers) > 720 * 3600


def test_one_driver_is_the_limit_of_any_number_of_machines() -> None:
    job, machine = jobs(samples())["classify16"], MACHINES[0]
    many, more = (seconds(job, machine, machines, 1e6, 0.006) for machines in (100, 1000))
    assert many == more == pytest.approx(1e6 * 0.006, rel=0.01)
    assert seconds(job, machine, 100, 1e6, 0.006, drivers=2) == pytest.approx(many / 2, rel=0.01)


def test_numbers_of_other_benchmarks_are_read_where_they_are_told() -> None:
    found = faster16_seconds()
    assert found == pytest.approx(
        {
            "learning_cores": 3.63 / 3,
            "gru_gpu": 0.0021,
            "cores": 4.33,
            "gpu": 0.00763,
            "gpu_bf16": 0.005,
            "one_by_one": 1 / 4.2,
            "process": 1 / 13.3,
        }
    )
    assert view_megabytes() == pytest.approx(6.42, abs=0.01)
