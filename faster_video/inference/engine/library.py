"""`kernels.c` compiled for the processor it runs on: once, and kept in the user's cache folder for later processes."""

import ctypes
import os
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from shutil import which
from threading import Lock

from faster_video.errors import EngineError
from faster_video.files import printable, replacing_file
from faster_video.inference.engine.kept import key_of, own_folder, processor

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
        kept = own_folder("kernels") / f"kernels-{_key()}.so"
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
    library.run.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_int)
    library.run.restype = None
    if library.layer_size() != ctypes.sizeof(Layer):
        raise EngineError("this compiler lays out numbers in another way than Python expects; choose eager")
    return library


def _key() -> str:
    """Of everything that the compiled code depends on."""
    return key_of(SOURCE.read_bytes(), FLAGS, processor())


def _compiled(target: Path) -> ctypes.CDLL:
    """Compile and load; what does not load is not kept."""
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
                # Linked without -fopenmp: the functions are those that PyTorch has loaded, and so are the threads.
                _run(compiler, *FLAGS, "-fopenmp", "-c", "-o", compiled, str(SOURCE))
                _run(compiler, *FLAGS, "-shared", "-o", str(aside), compiled)
                library = _loaded(aside)
            except EngineError:  # threads of its own then
                _run(compiler, *FLAGS, "-c", "-o", compiled, str(SOURCE))
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
