from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from faster_video.training.schedule import learning_rate

steps = st.integers(1, 1000)


@given(total=steps, data=st.data())
def test_no_step_has_a_zero_or_too_large_learning_rate(total: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, total))
    rates = [learning_rate(step, total_steps=total, warmup_steps=warmup, peak=0.1) for step in range(total)]
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)


def test_warm_up_rises_in_equal_steps_to_the_peak_and_the_cosine_falls_from_there() -> None:
    rates = [learning_rate(step, total_steps=12, warmup_steps=4, peak=1.0) for step in range(13)]
    assert rates[:4] == approx([0.25, 0.5, 0.75, 1.0])
    assert rates[4] == approx(1.0)
    assert rates[8] == approx(0.5)  # half way down
    assert rates[12] == approx(0.0)  # one past the last step
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert learning_rate(0, total_steps=5, warmup_steps=0, peak=0.3) == approx(0.3)
