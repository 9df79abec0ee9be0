"""In what numbers an engine computes the clip networks.

FAST-GRU and the classifier are float32, but for FAST-GRU's products on a GPU in bf16.
"""

from functools import lru_cache

import torch

from faster_video.config import require_choice
from faster_video.engine.kept import processor
from faster_video.errors import ConfigError

FLOAT32, BF16, INT8 = "float32", "bf16", "int8"
PRECISIONS: dict[str, tuple[str, ...]] = {FLOAT32: (), BF16: ("eager", "compiled"), INT8: ("openvino",)}
"""The engines that compute in each of them; all compute in float32."""
TYPES = {FLOAT32: torch.float32, BF16: torch.bfloat16}
BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""Of x86, and of ARM, as Linux calls them."""


def require_precision(precision: str, engine: str, device: torch.device) -> None:
    """Refuse numbers that the engine, which may be `auto`, does not compute in, or not on this device.

    Raises:
        ConfigError: there is no such precision, or not there.
    """
    require_choice("precision", precision, tuple(PRECISIONS))
    if precision == FLOAT32:
        return
    able = PRECISIONS[precision]
    if engine not in ("auto", *able):
        raise ConfigError(
            f"precision is {precision}, which the engine {engine!r} does not compute in; choose "
            f"{' or '.join((*able, 'auto'))} as the engine, or float32"
        )
    if precision == INT8 and device.type != "cpu":
        raise ConfigError(f"precision is int8, which is for processors, and device is {device}; choose bf16 or float32")
    if precision == BF16 and not has_bf16(device):
        raise ConfigError(
            f"precision is bf16, but {device} has no instructions for it, so that it would be slower than float32; "
            "choose float32"
        )


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _processor_has_bf16()


@lru_cache(maxsize=1)
def _processor_has_bf16() -> bool:
    return any(word in BF16_INSTRUCTIONS for told in processor() for word in told.split())
