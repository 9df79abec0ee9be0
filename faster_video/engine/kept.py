"""What an engine makes once and keeps for later processes: in which folder, and under which name."""

import os
import platform
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR

import torch
from torch import nn

from faster_video.errors import EngineError
from faster_video.files import cache_folder


def own_folder(name: str) -> Path:
    """Where such things are kept; as code is loaded again from there, nobody else may be able to write it.

    Raises:
        EngineError: there is no such folder, or this is no system of the Unix kind.
    """
    if not hasattr(os, "getuid"):
        raise EngineError("it is for Linux and other systems of the Unix kind; choose eager")
    for place, is_among_others in ((cache_folder, False), (_temporary_folder, True)):
        with suppress(OSError, RuntimeError):
            parent = place()
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = parent / name
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            if is_among_others and not _is_own(parent):
                continue  # who owns it could put another folder in the place of ours
            if _is_own(folder) and os.access(folder, os.W_OK):
                return folder
    raise EngineError(
        "no folder that only this user can write was found for compiled code, in the cache or among temporary files"
    )


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"faster_video-{os.getuid()}"


def _is_own(folder: Path) -> bool:
    """Whether it is this user's, and nobody else can write it."""
    found = folder.lstat()
    return S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def key_of(*parts: object) -> str:
    """A name for what depends on exactly these, by their `repr`."""
    return sha256(repr(parts).encode()).hexdigest()[:16]


def network_key(network: nn.Module) -> str:
    """Of a network's layers and of every weight and statistic, whatever device or layout in memory they have."""
    digest = sha256(repr(network).encode())
    for name, tensor in network.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(memoryview(values.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def processor() -> tuple[str, ...]:
    """What tells one kind of processor from another: machine, model and instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.machine(), platform.processor()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    names = ("model name\t", "flags\t\t", "CPU part\t", "Features\t")
    return platform.machine(), *(told[name].strip() for name in names if name in told)
