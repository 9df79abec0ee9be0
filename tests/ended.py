"""Whether a process has ended, for tests that end some."""

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Also where nobody has asked for how it ended: who adopts orphans need not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
