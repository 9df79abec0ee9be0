"""Whatever stands in a bundle's `config.json`, it is read or refused with a sentence."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from model_samples import small_bundle

from faster_video.bundle import BundleConfig, load_bundle_config
from faster_video.errors import BundleError, ConfigError
from faster_video.policy import Calibration, Preset, StopRule

RULE = StopRule(confidence=0.9, clips=2)


def whole() -> dict[str, Any]:
    """Of a bundle that has everything."""
    config = small_bundle().config
    presets = {
        "cheap": Preset(pattern="1:3", num_clips=2, stop=RULE, top1=0.5, gmacs=1.5, videos=40, budget="2 GMACs"),
        "gate": Preset(pattern="first", num_clips=3, gate_threshold=0.25),
    }
    config = replace(
        config,
        model=replace(config.model, gate=True),
        calibration=Calibration(temperature=1.5, stop=RULE, max_drop=0.5, videos=30),
        presets=presets,
    )
    values: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return values


def places(values: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Of every value that has a name."""
    if not isinstance(values, dict):
        return []
    own = [(*path, name) for name in values]
    return own + [place for name, value in values.items() for place in places(value, (*path, name))]


def read(values: object, folder: Path) -> BundleConfig:
    (folder / "config.json").write_text(json.dumps(values), "utf-8")
    return load_bundle_config(folder)


def damaged(place: tuple[str, ...], value: object) -> dict[str, Any]:
    values = inner = whole()
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return values


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.sampled_from(["1:3", "first", "gate", 10**400, -1, 0, 1e300]),
)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.just("top1"), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def test_a_bundle_that_has_everything_is_read_as_it_was(folder: Path) -> None:
    assert json.loads(json.dumps(asdict(read(whole(), folder)))) == whole()


@settings(deadline=None, max_examples=100)
@given(place=st.sampled_from(places(whole())), value=anything)
@example(place=("presets", "cheap", "top1"), value="high")
@example(place=("presets", "cheap", "top1"), value={})
@example(place=("presets", "cheap", "stop"), value={"confidence": "high"})
@example(place=("presets", "cheap"), value={"top1": "high", "pattern": "1:3", "num_clips": 3})
@example(place=("presets",), value={"top1": {"top1": "high", "pattern": "1:3", "num_clips": 3}})
@example(place=("labels",), value={"": None})
@example(place=("transform", "mean"), value={"": None})
@example(place=("presets",), value={"a": None})
@example(place=("published",), value={"expensive": {"source": 1, "sha256": ""}})
def test_a_damaged_setting_is_read_or_refused(folder: Path, place: tuple[str, ...], value: object) -> None:
    try:
        read(damaged(place, value), folder)
    except BundleError as error:
        told = str(error)
        assert told.startswith(f"{folder / 'config.json'}: is not ") and "\n" not in told


def test_a_wrong_value_in_a_preset_is_named_as_near_as_can_be(folder: Path) -> None:
    with pytest.raises(BundleError) as caught:
        read(damaged(("presets", "cheap", "top1"), "high"), folder)
    assert str(caught.value).endswith("presets.top1 has a wrong value in one of its entries; it must be float")


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("top1", float("nan"), "top1 is nan; it must be at least 0"),
        ("top1", 1.5, "top1 is 1.5; it must be at most 1"),
        ("gmacs", float("nan"), "gmacs is nan; it must be at least 0"),
        ("gmacs", float("inf"), "gmacs is inf; it must be at most 1000000000"),
        ("gmacs", -1.0, "gmacs is -1.0; it must be at least 0"),
        ("videos", -3, "videos is -3; it must be at least 0"),
    ],
)
def test_presets_hold_what_can_be(name: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Preset(pattern="1:3", num_clips=3, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("temperature", float("nan"), r"temperature is nan; it must be at least 0\.01"),
        ("max_drop", float("nan"), "max_drop is nan; it must be at least 0"),
        ("videos", -3, "videos is -3; it must be at least 0"),
    ],
)
def test_calibrations_hold_what_can_be(name: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Calibration(**{name: value})  # type: ignore[arg-type]
