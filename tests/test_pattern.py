"""Patterns as docs/protocol.md "Patterns" writes them."""

from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faster_video.errors import ConfigError
from faster_video.pattern import Pattern

counts = st.integers(0, 40)


def written_out(pattern: str, num_clips: int) -> str:
    """One letter per clip, as docs/protocol.md does: E expensive, c cheap."""
    return "".join("E" if flag else "c" for flag in Pattern.parse(pattern).flags(num_clips))


@pytest.mark.parametrize(
    "pattern, clips",
    [
        ("1:3", "EcccEccc"),
        ("1:0", "EEEEEEEE"),
        ("0:1", "cccccccc"),
        ("1:1", "EcEcEcEc"),
        ("2:1", "EEcEEcEE"),  # the last group is cut short
        ("1:7", "Eccccccc"),
        ("first", "Eccccccc"),
        ("0:3", "cccccccc"),
        ("1:15", "Eccccccc"),  # a group longer than the video
    ],
)
def test_letters_are_those_of_the_specification(pattern: str, clips: str) -> None:
    assert written_out(pattern, 8) == clips


@given(expensive=counts, cheap=counts, num_clips=st.integers(0, 100))
def test_groups_repeat_and_the_last_may_be_cut_short(expensive: int, cheap: int, num_clips: int) -> None:
    if expensive + cheap:
        group = "E" * expensive + "c" * cheap
        assert written_out(f"{expensive}:{cheap}", num_clips) == "".join(islice(cycle(group), num_clips))


@given(num_clips=st.integers(1, 300))
def test_first_equals_one_to_all_the_others(num_clips: int) -> None:
    assert written_out("first", num_clips) == written_out(f"1:{num_clips - 1}", num_clips)


@given(expensive=counts, cheap=counts)
def test_what_is_written_is_read_back(expensive: int, cheap: int) -> None:
    if expensive + cheap:
        assert str(Pattern.parse(f"{expensive}:{cheap}")) == f"{expensive}:{cheap}"
        assert Pattern.parse(str(Pattern(expensive, cheap))) == Pattern(expensive, cheap)
    assert str(Pattern.parse("first")) == "first"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "1",
        "1:",
        ":1",
        "1:-1",
        "-1:1",
        "1:1:1",
        "1.5:1",
        "E:C",
        "0:0",
        "00:0",
        "First",
        " 1:3",
        "1:3\n",
        "1 : 3",
        "१:३",
    ],
)
def test_junk_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Pattern.parse(text)
    assert str(caught.value) == (
        f"pattern is {text!r}; write it E:C with whole numbers that are not both 0, such as 1:3 "
        "(one expensive clip, then three cheap ones), or 'first'"
    )


@given(text=st.text(max_size=6))
def test_any_text_is_read_or_refused_but_nothing_else_happens(text: str) -> None:
    try:
        pattern = Pattern.parse(text)
    except ConfigError as error:
        assert repr(text) in str(error)
    else:
        assert Pattern.parse(str(pattern)) == pattern


@pytest.mark.parametrize("text", ["9" * 5000 + ":1", "1:" + "9" * 5000])
def test_numbers_too_long_to_read_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write it E:C"):
        Pattern.parse(text)
