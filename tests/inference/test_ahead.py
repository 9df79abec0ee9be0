"""Work in a thread beside comes back in order, with its errors, and ends when nobody wants it."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from faster_video.errors import ConfigError
from faster_video.inference.ahead import ahead, several_ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "ahead"]


def test_items_come_in_their_order() -> None:
    assert list(ahead(range(100), 3)) == list(range(100))
    assert list(ahead([], 3)) == []
    assert not threads()


def test_work_is_done_before_it_is_asked_for_but_not_more_than_allowed() -> None:
    done: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            done.append(number)
            yield number

    results = ahead(items(), 3)
    assert next(results) == 0
    while len(done) < 1 + 3 + 1:  # one is in the making
        time.sleep(0.01)
    time.sleep(0.3)
    assert len(done) == 1 + 3 + 1
    assert list(results) == list(range(1, 20))


def test_an_error_is_raised_at_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    results = ahead(items(), 3)
    assert next(results) == 1
    with pytest.raises(ValueError, match="no more"):
        next(results)
    assert not threads()


def test_who_stops_early_ends_the_thread_and_the_items() -> None:
    closed: list[bool] = []

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    results = ahead(items(), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert closed == [True] and not threads()


def test_it_is_another_thread() -> None:
    def items() -> Iterator[str]:
        yield threading.current_thread().name

    assert list(ahead(items(), 1)) == ["ahead"]


def test_parts_are_computed_side_by_side_and_come_in_their_order() -> None:
    together = threading.Barrier(3, timeout=120)

    def part(number: int) -> Iterator[tuple[int, int]]:
        if number < 3:
            together.wait()  # all three wait for each other
        for item in range(4):
            yield number, item

    found = list(several_ahead((part(number) for number in range(7)), most=2, at_once=3))
    assert found == [(number, item) for number in range(7) for item in range(4)]
    assert not threads()


def test_no_more_parts_are_begun_than_allowed() -> None:
    begun: list[int] = []

    def part(number: int) -> Iterator[int]:
        begun.append(number)
        yield number

    results = several_ahead((part(number) for number in range(20)), most=2, at_once=4)
    assert next(results) == 0
    while len(begun) < 4:
        time.sleep(0.01)
    time.sleep(0.3)
    assert len(begun) == 4
    results.close()  # type: ignore[attr-defined]
    assert not threads()


def test_an_error_of_a_part_ends_all_at_its_turn() -> None:
    def part(number: int) -> Iterator[int]:
        yield number
        if number == 2:
            raise ValueError("broken part")

    results = several_ahead((part(number) for number in range(9)), most=2, at_once=3)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="broken part"):
        next(results)
    assert not threads()


def test_threads_of_the_caller_stay_as_many_as_they_were() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for items in (ahead(range(3), 2), several_ahead([range(3) for _ in range(9)], 2, 4)):
            list(items)
            seen: list[int] = []
            thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))  # noqa: B023
            thread.start()
            thread.join()
            assert torch.get_num_threads() == 2 and seen == [2]
    finally:
        torch.set_num_threads(before)


def test_fewer_than_three_parts_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="at_once is 2; it must be at least 3"):
        next(several_ahead([[1]], 1, 2))
