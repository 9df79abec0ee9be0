"""The learning rate of every step (docs/protocol.md "Training": linear warm-up, then a cosine)."""

import math


def learning_rate(step: int, *, total_steps: int, warmup_steps: int, peak: float) -> float:
    """Learning rate of optimiser step `step` in 0 … total_steps - 1.

    Rises linearly to `peak` on the last of the warm-up steps, then falls as a half cosine that would reach zero at
    `total_steps`, one past the end: no step is ever wasted at zero.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
