"""Memory that is kept between steps."""

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from faster_video.training.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
for _ in range(12):  # until pieces that lie beside each other have become one
    torch.ones(16 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is something to do with glibc alone")
def test_memory_that_is_kept_is_not_asked_for_again() -> None:
    faults = {}
    for way in ("keep", "return"):
        told = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True)
        faults[way] = int(told.stdout)
    pages = (64 << 20) // resource.getpagesize()
    assert faults["return"] > 9 * pages
    assert faults["keep"] < 2 * pages
