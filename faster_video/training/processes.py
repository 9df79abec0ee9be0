"""What the processes of a run tell each other, and batch norm over the batch that they share.

Shapes: B clips of one process, D channels, T H W a feature map.
"""

from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn

T = TypeVar("T")


class Processes:
    """All processes of a run; a single one answers for itself."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rank: int = fabric.global_rank
        self.count: int = fabric.world_size

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def sums(self, *values: float) -> list[float]:
        """Each number added up over the processes."""
        if self.count == 1:
            return list(values)
        sums = self._fabric.all_reduce(torch.tensor(values, dtype=torch.float64), reduce_op="sum")
        return cast("list[float]", cast(Tensor, sums).tolist())

    def gather(self, items: Sequence[T]) -> list[T]:
        """What every process has, in the order of their numbers."""
        if self.count == 1:
            return list(items)
        parts: list[Sequence[T]] = [[]] * self.count
        distributed.all_gather_object(parts, items)
        return [item for part in parts for item in part]


def share_batch_norm(module: nn.Module, device: torch.device) -> None:
    """Have every batch norm in `module` take its statistics over the batches of all processes, in place.

    So that the same batch gives the same step however many processes share it.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm3d):
            # PyTorch's own does the same on GPUs and refuses CPUs.
            norm = nn.SyncBatchNorm if device.type == "cuda" else SharedBatchNorm3d
            shared = norm(child.num_features, child.eps, child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(module, name, shared.to(device))
        else:
            share_batch_norm(child, device)


class SharedBatchNorm3d(nn.BatchNorm3d):
    """Batch norm whose mean and variance in training are those of all processes' values; needs a process group."""

    def forward(self, values: Tensor) -> Tensor:
        """[B, D, T, H, W] to the same; B may differ between processes."""
        if not self.training:
            return super().forward(values)
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        kind, values = values.dtype, values.float()
        over = (0, 2, 3, 4)
        count = torch.tensor(values.numel() // values.shape[1], dtype=torch.float64)
        distributed.all_reduce(count)
        mean = _sum(values.sum(over)) / count  # [D]
        centred = values - mean[:, None, None, None]
        variance = _sum(centred.square().sum(over)) / count  # [D]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normed: Tensor = centred * scale[:, None, None, None] + self.bias[:, None, None, None]
        return normed.to(kind)


def _sum(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    """The sum of [D] over all processes, which every one of them gets, and whose gradient comes from all of them."""

    @staticmethod
    def forward(_context: object, values: Tensor) -> Tensor:  # [D] to [D]
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: object, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total
