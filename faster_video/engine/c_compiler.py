"""C code compiled for the processor it runs on: once, and kept in the user's cache folder for later processes."""

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import which
from threading import Lock

from faster_video.engine.kept import key_of, own_folder, processor
from faster_video.errors import EngineError
from faster_video.files import printable, replacing_file

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-march=native", "-fPIC", "-pthread")
SECONDS = 120
"""Allowed to the compiler, which takes two or three."""

Further = tuple[tuple[str, ...], ...]
"""Sets of flags beside `FLAGS`, the one to try first at the front."""


def load_compiled(source: Path, further: Further, declare: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL:
    """The library made of a C file; `declare` states its functions, and refuses what cannot be used.

    Raises:
        EngineError: it is not in the cache folder, and there is no C compiler here or it fails; or this is no system of
            the Unix kind.
    """
    with _LOCK:
        found = _found(source, further, declare)
    if isinstance(found, EngineError):
        raise EngineError(str(found))
    return found


_LOCK = Lock()
"""Two threads must not compile at once."""


@cache
def _found(source: Path, further: Further, declare: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL | EngineError:
    """The library, or why there is none: what failed once is not tried again."""
    try:
        if not hasattr(os, "getuid"):
            return EngineError("it is for Linux and other systems of the Unix kind; choose eager")
        kept = own_folder("kernels") / f"{source.stem}-{_key(source, further)}.so"
        return _loaded(kept, declare) if kept.exists() else _compiled(source, further, kept, declare)
    except EngineError as error:
        return error
    except (OSError, RuntimeError) as error:
        return EngineError(f"{source.name} cannot be compiled here ({error})")


def forget() -> None:
    """Look for the libraries anew at the next call."""
    _found.cache_clear()


def _loaded(path: Path, declare: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"{printable(path)}: cannot be loaded ({error}); delete it to have it made again") from error
    declare(library)
    return library


def _key(source: Path, further: Further) -> str:
    """Of everything that the compiled code depends on."""
    sources = [path.read_bytes() for path in sorted(source.parent.glob("*.[ch]"))]  # what it includes lies beside it
    return key_of(sources, FLAGS, further, processor())


def _compiled(source: Path, further: Further, target: Path, declare: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL:
    """Compile and load; what does not load is not kept."""
    compiler = os.environ.get("CC") or next(filter(which, COMPILERS), None)
    if compiler is None:
        raise EngineError(
            f"there is no C compiler here (looked for {', '.join(COMPILERS)}); install one, such as gcc, or take "
            "another engine"
        )
    with replacing_file(target) as aside, tempfile.TemporaryDirectory() as folder:
        compiled = str(Path(folder) / "compiled.o")
        for tried, flags in enumerate(further, start=1):
            try:
                # Linked without these flags: with -fopenmp, the functions are then those that PyTorch has loaded, and
                # so are the threads.
                _run(compiler, *FLAGS, *flags, "-c", "-o", compiled, str(source))
                _run(compiler, *FLAGS, "-shared", "-o", str(aside), compiled)
                library = _loaded(aside, declare)
                break
            except EngineError as error:
                if tried == len(further):
                    raise EngineError(f"{compiler} cannot compile {source.name}: {error}") from error
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
