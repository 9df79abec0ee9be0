"""One number that makes probabilities mean what they say (temperature scaling, Guo et al. 2017).

Shapes: M answers, K classes.
"""

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.classification import multiclass_calibration_error

LEAST, MOST = 0.25, 20.0
"""Answers that are never wrong have no temperature of their own."""


def fit_temperature(log_probabilities: Tensor, labels: Tensor) -> float:
    """By which log-probabilities [M, K] are divided so that the labels [M] are most likely; 0.25 to 20."""
    scores = log_probabilities.double()
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        found = functional.cross_entropy(scores / log_temperature.exp(), labels)
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().exp().clamp(LEAST, MOST))


def calibration_error(log_probabilities: Tensor, labels: Tensor, temperature: float) -> float:
    """How far probabilities are from the share that is right, over 15 bins (expected calibration error), 0 to 1."""
    probabilities = (log_probabilities.double() / temperature).softmax(dim=-1).float()
    return float(multiclass_calibration_error(probabilities, labels, num_classes=probabilities.shape[-1], n_bins=15))
