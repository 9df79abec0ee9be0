"""The simulated cluster: exact where the closed form is, nothing lost, quicker with more workers."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scale_model import makespan
from scale_simulate import TASKS_AT_WORKER, Setup, Video, simulate

from faster_video.cluster.pool import TASKS_AHEAD

counts = st.integers(1, 40)


def mixed(count: int, seed: int = 0) -> list[Video]:
    """Videos of many lengths, a few very long, decoded by the core that computes."""
    chosen = random.Random(seed)
    return [Video(chosen.uniform(0.1, 2), 0.0, chosen.lognormvariate(0, 1.2)) for _ in range(count)]


def test_a_worker_has_as_many_tasks_as_in_a_real_cluster() -> None:
    assert TASKS_AT_WORKER == 1 + TASKS_AHEAD


@given(workers=counts, tasks=counts, files=st.integers(1, 8), eighths=st.integers(1, 80))
def test_equal_videos_take_what_the_closed_form_says(workers: int, tasks: int, files: int, eighths: int) -> None:
    compute = eighths / 8  # which sums add up exactly
    outcome = simulate(Setup(workers=workers, files_per_task=files), [Video(0.0, 0.0, compute)] * (tasks * files))
    assert outcome.seconds == makespan(workers, tasks, files, compute=compute)
    assert outcome.busy_seconds == tasks * files * compute


@given(workers=st.integers(8, 40), tasks=counts, files=st.integers(1, 8))
def test_a_slow_driver_is_the_limit_that_the_closed_form_says(workers: int, tasks: int, files: int) -> None:
    setup = Setup(workers=workers, files_per_task=files, task_seconds=16.0)
    outcome = simulate(setup, [Video(0.0, 0.0, 0.125)] * (tasks * files))
    assert outcome.seconds == makespan(workers, tasks, files, compute=0.125, task=16.0)


@given(workers=st.integers(8, 40), tasks=counts, files=st.integers(1, 8))
def test_a_narrow_link_is_the_limit_that_the_closed_form_says(workers: int, tasks: int, files: int) -> None:
    setup = Setup(workers=workers, files_per_task=files, link_megabytes_per_second=0.25)
    outcome = simulate(setup, [Video(1.0, 0.0, 0.125)] * (tasks * files))
    assert outcome.seconds == makespan(workers, tasks, files, compute=0.125, link=4.0)


@given(workers=counts, count=st.integers(1, 120), files=st.integers(1, 16), seed=st.integers(0, 999))
def test_every_video_is_done_exactly_once_although_workers_die(workers: int, count: int, files: int, seed: int) -> None:
    setup = Setup(
        workers=workers,
        files_per_task=files,
        task_seconds=0.01,
        link_megabytes_per_second=50.0,
        latency_seconds=0.05,
        start_seconds=2.0,
        failures_per_hour=60.0,
        straggler_share=0.1,
        straggler_slowdown=3.0,
        seed=seed,
    )
    outcome = simulate(setup, mixed(count, seed))
    assert outcome.done == [1] * -(-count // files)
    assert outcome.ends == sorted(outcome.ends) and outcome.ends[-1] == outcome.seconds


def test_failures_cost_what_was_in_hand_and_the_start() -> None:
    videos = mixed(4000)
    setup = Setup(workers=10, files_per_task=4, start_seconds=5.0)
    usual, failing = simulate(setup, videos), simulate(replace(setup, failures_per_hour=30.0), videos)
    assert failing.failures > 20 and failing.lost_seconds > 0
    lost = failing.lost_seconds + failing.failures * setup.start_seconds
    assert failing.seconds == pytest.approx(usual.seconds + lost / setup.workers, rel=0.05)


@pytest.mark.parametrize("files", [1, 4])
def test_more_workers_take_no_longer(files: int) -> None:
    videos = mixed(2000)
    taken = [
        simulate(Setup(workers=workers, files_per_task=files, task_seconds=0.01), videos).seconds
        for workers in (1, 2, 4, 8, 16, 32, 64)
    ]
    assert taken == sorted(taken, reverse=True)
    assert taken[0] == pytest.approx(sum(video.compute_seconds for video in videos), rel=0.01)


def test_decoding_beside_the_networks_takes_as_long_as_the_slower_of_both() -> None:
    videos = [Video(0.0, 1.0, 2.0)] * 50
    assert simulate(Setup(workers=1, files_per_task=50), videos).seconds == 1.0 + 50 * 2.0


def test_nothing_is_decoded_ahead_of_a_task_before_that_one_is_done() -> None:
    videos = [Video(0.0, 1.0, 2.0)] * 50
    assert simulate(Setup(workers=1, files_per_task=1), videos).seconds == 50 * (1.0 + 2.0)
