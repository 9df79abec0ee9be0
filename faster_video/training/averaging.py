"""The exponential moving average of a module's weights."""

import torch
from torch import Tensor, nn


class WeightAverage:
    """A running mean of all weights and statistics of a module, which is what a stage ends with.

    Young averages forget faster, so that the first weights do not linger: the decay is (1 + n) / (10 + n) after n
    steps as long as that is below `decay`.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors: dict[str, Tensor] = {name: value.clone() for name, value in _values(module).items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights as they are after optimiser step `step`, the first being 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in _values(module).items():
            if value.is_floating_point():
                self.tensors[name].lerp_(value, 1 - decay)
            else:
                self.tensors[name].copy_(value)

    def put_into(self, module: nn.Module) -> None:
        """Exchange the module's weights for their average."""
        module.load_state_dict(self.tensors)


def _values(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in module.state_dict().items()}
