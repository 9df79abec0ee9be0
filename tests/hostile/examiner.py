"""Files examined in a process that may crash, hang or be refused more memory, without harm to this one."""

import json
import subprocess
import sys
from pathlib import Path
from select import select
from types import TracebackType
from typing import Self

from examine import WRONG, Verdict

PROGRAM = Path(__file__).with_name("examine.py")
START_SECONDS = 120
"""Longest wait for a child that loads PyTorch on a busy machine."""
HANG_SECONDS = 10
"""A file that takes longer has hung the reader."""


class Examiner:
    """Examines one file after another in one child, and in a new one where that is lost; use it in a `with` block."""

    def __init__(self, program: Path = PROGRAM, seconds: float = HANG_SECONDS) -> None:
        self._program, self._seconds = program, seconds
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def examine(self, path: Path) -> Verdict:
        """What came of the file; a child that crashes or hangs is `WRONG`."""
        child = self._started()
        assert child.stdin is not None
        child.stdin.write(json.dumps(str(path)) + "\n")
        child.stdin.flush()
        answer = self._answer(child, self._seconds)
        if answer is None:
            code = child.poll()
            self._stop()
            return Verdict(WRONG, f"hung for {self._seconds} s" if code is None else f"the process ended with {code}")
        fields = json.loads(answer)
        return Verdict(**fields | {"size": tuple(fields["size"])})

    def _started(self) -> subprocess.Popen[str]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, str(self._program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert self._answer(self._child, START_SECONDS) is not None, "the child does not start"
        return self._child

    @staticmethod
    def _answer(child: subprocess.Popen[str], seconds: float) -> str | None:
        """The child's next line, None if it ends or does not answer in time."""
        assert child.stdout is not None
        ready, _, _ = select([child.stdout], [], [], seconds)
        line = child.stdout.readline() if ready else ""
        if ready and not line:
            child.wait()
        return line or None

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child = None
