"""The kernels in C, compiled for the processor they run on: once, and kept in the user's cache folder."""

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
from stat import S_ISDIR
from threading import Lock

from faster_video.errors import EngineError
from faster_video.files import cache_folder, printable, replacing_file

SOURCES = Path(__file__).with_name("kernels")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-march=native", "-fPIC", "-pthread")
SECONDS = 120
"""Allowed to the compiler, which takes two or three."""


CONVOLVE, WINOGRAD, WINOGRAD_IN_TIME, MAXIMUM, SPREAD = range(5)
"""Kinds of layers in `kernels/common.h`."""


class Layer(ctypes.Structure):
    """One layer as `kernels/common.h` has it, field by field: maps [T, H, W, C] to maps [T, H, W, K]."""

    _fields_ = (
        *(
            (name, ctypes.c_long)
            for name in ("kind", "in_t", "in_h", "in_w", "in_c", "out_t", "out_h", "out_w", "out_c")
        ),
        *((name, ctypes.c_long) for name in ("kernel_t", "kernel_h", "kernel_w", "stride_t", "stride_h", "stride_w")),
        *((name, ctypes.c_long) for name in ("pad_t", "pad_h", "pad_w", "run", "relu")),
        *((name, ctypes.c_void_p) for name in ("input", "output", "added", "weights", "bias")),
    )


def load_library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        EngineError: they are not in the cache folder, and there is no C compiler here or it fails; or this is no system
            of the Unix kind.
    """
    with _LOCK:
        found = _found()
    if isinstance(found, EngineError):
        raise EngineError(str(found))
    return found


_LOCK = Lock()
"""Two threads must not compile at once."""


@lru_cache(maxsize=1)
def _found() -> ctypes.CDLL | EngineError:
    """The library, or why there is none: what failed once is not tried again."""
    try:
        if not hasattr(os, "getuid"):
            return EngineError("it is for Linux and other systems of the Unix kind; choose eager")
        kept = _own_folder() / f"kernels-{_key()}.so"
        return _loaded(kept) if kept.exists() else _compiled(kept)
    except EngineError as error:
        return error
    except (OSError, RuntimeError) as error:
        return EngineError(f"the kernels cannot be made here ({error})")


def forget() -> None:
    """Look for the library anew at the next call."""
    _found.cache_clear()


def _loaded(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"{printable(path)}: cannot be loaded ({error}); delete it to have it made again") from error
    library.lanes.restype = ctypes.c_int
    library.layer_size.restype = ctypes.c_long
    library.room.argtypes = (ctypes.c_void_p, ctypes.c_long)
    library.room.restype = ctypes.c_long
    library.run.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_int, ctypes.c_void_p)
    library.run.restype = None
    if library.layer_size() != ctypes.sizeof(Layer):
        raise EngineError("this compiler lays out numbers in another way than Python expects; choose eager")
    return library


def _own_folder() -> Path:
    """Where compiled code is kept; as it is loaded again from there, nobody else may be able to write it."""
    for place in (cache_folder, lambda: Path(tempfile.gettempdir()) / f"faster_video-{os.getuid()}"):
        with suppress(OSError, RuntimeError):
            folder = place() / "kernels"
            folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            found = folder.lstat()
            is_own = found.st_uid == os.getuid() and not found.st_mode & 0o022
            if S_ISDIR(found.st_mode) and is_own and os.access(folder, os.W_OK):
                return folder
    raise EngineError(
        "no folder that only this user can write was found for compiled code, in the cache or among temporary files"
    )


def _key() -> str:
    """Of everything that the compiled code depends on."""
    sources = [path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]"))]
    return sha256(repr((sources, FLAGS, processor())).encode()).hexdigest()[:16]


def processor() -> tuple[str, ...]:
    """What tells one kind of processor from another: machine, model and instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.machine(), platform.processor()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    names = ("model name\t", "flags\t\t", "CPU part\t", "Features\t")
    return platform.machine(), *(told[name].strip() for name in names if name in told)


def _compiled(target: Path) -> ctypes.CDLL:
    """Compile and load; what does not load is not kept."""
    compiler = os.environ.get("CC") or next(filter(which, COMPILERS), None)
    if compiler is None:
        raise EngineError(
            f"there is no C compiler here (looked for {', '.join(COMPILERS)}); install one, such as gcc, or take "
            "another engine"
        )
    with replacing_file(target) as aside, tempfile.TemporaryDirectory() as folder:
        source, compiled = str(SOURCES / "kernels.c"), str(Path(folder) / "kernels.o")
        try:
            try:
                # Linked without -fopenmp: the functions are those that PyTorch has loaded, and so are the threads.
                _run(compiler, *FLAGS, "-fopenmp", "-c", "-o", compiled, source)
                _run(compiler, *FLAGS, "-shared", "-o", str(aside), compiled)
                library = _loaded(aside)
            except EngineError:  # threads of its own then
                _run(compiler, *FLAGS, "-c", "-o", compiled, source)
                _run(compiler, *FLAGS, "-shared", "-o", str(aside), compiled)
                library = _loaded(aside)
        except EngineError as error:
            raise EngineError(f"{compiler} cannot compile the kernels: {error}") from error
    target.chmod(0o600)
    return library


def _run(compiler: str, *words: str) -> None:
    try:
        subprocess.run(
            [*compiler.split(), *words], check=True, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise EngineError(next((line for line in lines if "error" in line), lines[-1])) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(str(error)) from error
