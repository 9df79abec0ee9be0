"""Learner, optimiser, weight average and loss scale of a stage: all that a step changes."""

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from faster_video.config import StageConfig
from faster_video.training.averaging import WeightAverage
from faster_video.training.checkpoint import Checkpoint


def make_optimizer(learner: nn.Module, config: StageConfig) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, or AdamW; on the CPU in one pass over the weights ("fused").

    On GPUs PyTorch chooses: there fused optimisers would undo fp16's loss scale themselves, after gradient clipping.
    """
    fused = True if all(parameter.device.type == "cpu" for parameter in learner.parameters()) else None
    if config.optimizer == "adamw":
        return torch.optim.AdamW(
            learner.parameters(), lr=1.0, betas=(config.momentum, 0.999), weight_decay=config.weight_decay, fused=fused
        )
    return torch.optim.SGD(
        learner.parameters(),
        lr=1.0,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=fused,
    )


class StageState:
    """Puts the learner on the fabric's devices; can be written to a checkpoint and restored from one."""

    def __init__(self, learner: nn.Module, config: StageConfig, fabric: Fabric) -> None:
        self._bare = learner
        self._config = config
        self._fabric = fabric
        self.learner, self.optimizer = fabric.setup(learner, make_optimizer(learner, config))
        """As the fabric wraps them: mixed precision, gradients shared between processes."""
        self._average = WeightAverage(learner, config.ema_decay) if config.ema_decay else None

    @property
    def learning_rate(self) -> float:
        """That of the last step."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def set_learning_rate(self, rate: float) -> None:
        """For the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def clip_gradients(self) -> float:
        """Scale the gradients down where the stage asks for it; returns their norm before that, else 0.

        With a loss scale it is 0 too: the optimiser then passes over gradients that are too large by itself.
        """
        if not self._config.max_gradient_norm:
            return 0.0
        norm = self._fabric.clip_gradients(
            self.learner, self.optimizer, max_norm=self._config.max_gradient_norm, error_if_nonfinite=False
        )
        has_loss_scale = bool(self._fabric.strategy.precision.state_dict())
        return 0.0 if norm is None or has_loss_scale else float(norm)

    def step(self, step: int) -> None:
        """Apply the gradients as optimiser step `step`."""
        self.optimizer.step()
        if self._average is not None:
            self._average.update(self._bare, step)

    def finish(self) -> None:
        """Leave the averaged weights in the learner, where an average is kept."""
        if self._average is not None:
            self._average.put_into(self._bare)

    def checkpoint(self, step: int) -> Checkpoint:
        """Everything after `step` steps; the tensors are the state's own, not copies."""
        return Checkpoint(
            step=step,
            weights=dict(self._bare.state_dict()),
            optimizer={
                f"{number}.{name}": tensor
                for number, values in self.optimizer.optimizer.state_dict()["state"].items()
                for name, tensor in values.items()
            },
            average={} if self._average is None else self._average.tensors,
            precision={
                name: torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
                for name, value in self._fabric.strategy.precision.state_dict().items()
            },
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint's state in place."""
        self._bare.load_state_dict(checkpoint.weights)
        parameters = list(self._bare.parameters())
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in checkpoint.optimizer.items():
            number, _, key = name.partition(".")
            parameter = parameters[int(number)]
            # Fused optimisers go through memory, whatever the strides: moments must lie there as their parameter does.
            moment = torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor
            state.setdefault(int(number), {})[key] = moment
        bare = self.optimizer.optimizer
        bare.load_state_dict({"state": state, "param_groups": bare.state_dict()["param_groups"]})
        if self._average is not None:
            for name, tensor in self._average.tensors.items():
                tensor.copy_(checkpoint.average[name])
        if checkpoint.precision:
            self._fabric.strategy.precision.load_state_dict(
                {name: tensor.item() for name, tensor in checkpoint.precision.items()}
            )
