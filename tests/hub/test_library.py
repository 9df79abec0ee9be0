"""What huggingface_hub does besides: bars on terminals only, no log lines, and all of it as before afterwards."""

import logging
import os
import sys

import pytest
from fake_hub import FakeHub

from faster_video.hub.library import quiet


@pytest.mark.parametrize("is_terminal", [True, False])
def test_bars_are_drawn_on_terminals_only(is_terminal: bool, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with pytest.raises(KeyboardInterrupt), quiet():
        assert are_progress_bars_disabled() is not is_terminal
        raise KeyboardInterrupt
    assert not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        with quiet():
            assert are_progress_bars_disabled()
        assert are_progress_bars_disabled()  # who does not want any gets none
    finally:
        enable_progress_bars()


def test_its_log_is_kept_to_errors_meanwhile(hub: FakeHub) -> None:
    before = logging.getLogger("huggingface_hub").level
    with quiet():
        assert logging.getLogger("huggingface_hub").level == logging.ERROR
    assert logging.getLogger("huggingface_hub").level == before != logging.ERROR


def test_its_telemetry_is_off(hub: FakeHub) -> None:
    from huggingface_hub import constants

    assert constants.HF_HUB_DISABLE_TELEMETRY and os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
