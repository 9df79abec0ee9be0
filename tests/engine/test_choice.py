"""Which engine `auto` takes where there are no kernels."""

import warnings
from pathlib import Path

import pytest
import torch
from engine_samples import CPU, small_model

from faster_video import engine as engines
from faster_video.engine import Work, c_compiler, compiled, on_engine, openvino
from faster_video.engine.choice import EAGER_GMACS_PER_SECOND, SPEEDS, soonest
from faster_video.errors import EngineError

BOTH_COLD = {"compiled": False, "openvino": False}
SIZE = torch.Size((3, 8, 32, 32))


@pytest.mark.parametrize(
    ("gmacs", "is_ready", "expected"),
    [
        (None, {}, "eager"),
        (None, BOTH_COLD, "eager"),
        (None, {"compiled": True, "openvino": False}, "compiled"),
        (None, {"compiled": True, "openvino": True}, "openvino"),
        (1e9, {}, "eager"),
        (1e9, BOTH_COLD, "openvino"),
        (1e9, {"compiled": False}, "compiled"),
        (1.0, BOTH_COLD, "eager"),
        (1.0, {"compiled": True, "openvino": False}, "compiled"),
    ],
)
def test_what_is_done_soonest(gmacs: float | None, is_ready: dict[str, bool], expected: str) -> None:
    assert soonest(gmacs, 2, is_ready) == expected


@pytest.mark.parametrize("engine", ["compiled", "openvino"])
def test_it_changes_where_the_time_saved_is_that_of_preparing(engine: str) -> None:
    speed = SPEEDS[engine]
    seconds = speed.seconds_to_prepare / (1 - 1 / speed.times_eager)  # of `eager`
    gmacs = seconds * EAGER_GMACS_PER_SECOND * 4
    assert soonest(0.99 * gmacs, 4, {engine: False}) == "eager"
    assert soonest(1.01 * gmacs, 4, {engine: False}) == engine


def test_every_engine_but_the_kernels_has_a_speed() -> None:
    assert set(SPEEDS) == set(engines.ENGINES) - {"native"}


@pytest.fixture
def no_c_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "false")
    c_compiler.forget()
    monkeypatch.setattr(openvino, "is_installed", lambda: False)


@pytest.mark.usefixtures("no_c_compiler")
def test_much_work_is_compiled_and_little_is_not() -> None:
    for gmacs, expected in ((1e9, "compiled"), (1.0, "eager"), (None, "eager")):
        c_compiler.forget()
        with pytest.warns(RuntimeWarning, match=f"engine native: .*; {expected} is used instead"):
            _, name = on_engine(small_model(), "auto", CPU, work=Work(clip_size=SIZE, gmacs=gmacs))
        assert name == expected


@pytest.mark.usefixtures("no_c_compiler")
def test_without_a_cpp_compiler_it_is_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(compiled, "which", lambda _: None)
    with pytest.warns(RuntimeWarning, match="eager is used instead"):
        _, name = on_engine(small_model(), "auto", CPU, work=Work(clip_size=SIZE, gmacs=1e9))
    assert name == "eager"
    with pytest.raises(EngineError, match=r"there is no C\+\+ compiler here .* install one, such as g\+\+"):
        on_engine(small_model(), "compiled", CPU)


@pytest.mark.usefixtures("no_c_compiler")
def test_openvino_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setattr(openvino, "is_installed", lambda: True)
    with pytest.warns(RuntimeWarning, match="openvino is used instead"):
        _, name = on_engine(small_model(), "auto", CPU, work=Work(clip_size=SIZE, gmacs=1e9))
    assert name == "openvino"
    with pytest.warns(RuntimeWarning, match="openvino is used instead"):  # it is kept: no work is too little
        _, name = on_engine(small_model(), "auto", CPU)
    assert name == "openvino"


def test_kernels_are_taken_without_a_word_where_they_can_be_had() -> None:
    c_compiler.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, name = on_engine(small_model(), "auto", CPU, work=Work(clip_size=SIZE, gmacs=1e9))
    assert name == "native"
