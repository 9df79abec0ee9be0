"""The kernels in C as a library, and one layer's description as they want it."""

import ctypes
from pathlib import Path

from faster_video.engine.c_compiler import load_compiled
from faster_video.errors import EngineError

SOURCE = Path(__file__).parent / "kernels" / "kernels.c"
FURTHER_FLAGS = (("-fopenmp",), ())
"""Without OpenMP it has threads of its own."""


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
        EngineError: they cannot be compiled or loaded here.
    """
    return load_compiled(SOURCE, FURTHER_FLAGS, _declare)


def _declare(library: ctypes.CDLL) -> None:
    library.lanes.restype = ctypes.c_int
    library.layer_size.restype = ctypes.c_long
    library.room.argtypes = (ctypes.c_void_p, ctypes.c_long)
    library.room.restype = ctypes.c_long
    library.run.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_int, ctypes.c_void_p)
    library.run.restype = None
    if library.layer_size() != ctypes.sizeof(Layer):
        raise EngineError("this compiler lays out numbers in another way than Python expects; choose eager")
