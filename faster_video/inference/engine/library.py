"""`kernels.c` compiled for the processor it runs on: once, and kept in the user's cache folder for later processes."""

import ctypes
import os
import platform
import subprocess
import tempfile
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from shutil import which

from faster_video.errors import EngineError
from faster_video.files import cache_folder, printable, replacing_file

SOURCE = Path(__file__).with_name("kernels.c")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-march=native", "-fPIC", "-pthread")
SECONDS = 120
"""Allowed to the compiler, which takes two or three."""


class Layer(ctypes.Structure):
    """One layer as `kernels.c` has it, field by field: maps [T, H, W, C] to maps [T, H, W, K]."""

    _fields_ = (
        *(
            (name, ctypes.c_long)
            for name in ("kind", "in_t", "in_h", "in_w", "in_c", "out_t", "out_h", "out_w", "out_c")
        ),
        *((name, ctypes.c_long) for name in ("kernel_t", "kernel_h", "kernel_w", "stride_t", "stride_h", "stride_w")),
        *((name, ctypes.c_long) for name in ("pad_t", "pad_h", "pad_w", "run", "relu")),
        *((name, ctypes.c_void_p) for name in ("input", "output", "added", "weights", "bias")),
    )


@lru_cache(maxsize=1)
def load_library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        EngineError: they are not in the cache folder, and there is no C compiler here or it fails.
    """
    kept = _own_folder() / f"kernels-{_key()}.so"
    if not kept.exists():
        _compile(kept)
    try:
        library = ctypes.CDLL(str(kept))
    except OSError as error:
        raise EngineError(f"{printable(kept)}: cannot be loaded ({error}); delete it to have it made again") from error
    library.lanes.restype = ctypes.c_int
    library.run.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_int)
    library.run.restype = None
    return library


def _own_folder() -> Path:
    """Where compiled code is kept; as it is loaded again from there, nobody else may write it."""
    for folder in (cache_folder(), Path(tempfile.gettempdir()) / f"faster_video-{os.getuid()}"):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
                return folder
    return Path(tempfile.mkdtemp(prefix="faster_video-"))


def _key() -> str:
    """Of everything that the compiled code depends on."""
    return sha256(repr((SOURCE.read_bytes(), FLAGS, processor())).encode()).hexdigest()[:16]


def processor() -> tuple[str, ...]:
    """What tells one kind of processor from another: machine, model and instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.machine(), platform.processor()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    names = ("model name\t", "flags\t\t", "CPU part\t", "Features\t")
    return platform.machine(), *(told[name].strip() for name in names if name in told)


def _compile(target: Path) -> None:
    compiler = os.environ.get("CC") or next(filter(which, COMPILERS), None)
    if compiler is None:
        raise EngineError(
            f"there is no C compiler here (looked for {', '.join(COMPILERS)}); install one, such as gcc, or take "
            "another engine"
        )
    with replacing_file(target) as aside, tempfile.TemporaryDirectory() as folder:
        compiled = str(Path(folder) / "kernels.o")
        try:
            try:
                _run(compiler, *FLAGS, "-fopenmp", "-c", "-o", compiled, str(SOURCE))
            except EngineError:  # threads of its own then
                _run(compiler, *FLAGS, "-c", "-o", compiled, str(SOURCE))
            # Linked without -fopenmp: the functions are those that PyTorch has loaded, and so are the threads.
            _run(compiler, *FLAGS, "-shared", "-o", str(aside), compiled)
        except EngineError as error:
            raise EngineError(f"{compiler} cannot compile the kernels: {error}") from error


def _run(compiler: str, *words: str) -> None:
    try:
        subprocess.run([*compiler.split(), *words], check=True, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.CalledProcessError as error:
        raise EngineError((error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(str(error)) from error
