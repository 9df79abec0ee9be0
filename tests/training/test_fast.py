"""The quick way through a network in training gives PyTorch's numbers: outputs, gradients, statistics, losses."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from faster_video.backbones import BACKBONES
from faster_video.config import StageConfig
from faster_video.engine import c_compiler
from faster_video.errors import FasterVideoWarning
from faster_video.recipes import tiny
from faster_video.training.fast_maps import convolved
from faster_video.training.fast_network import fast_features, trains_fast
from faster_video.training.learners import BackboneLearner
from faster_video.training.processes import SharedBatchNorm3d
from faster_video.training.state import make_optimizer

CHANNELS_LAST = torch.channels_last_3d
LABELS = torch.tensor([0, 2, 1, 2])


def network(name: str, width: float) -> nn.Module:
    """One whose every block says something: fresh ones begin as their shortcuts."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = BACKBONES[name](3, width)
        for norm in made.modules():
            if isinstance(norm, nn.BatchNorm3d):
                nn.init.uniform_(norm.weight, 0.5, 1)
                nn.init.normal_(norm.bias, mean=1, std=0.1)  # few values at ReLU's corner, where a rounding decides
    return made.train()


def clips(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def error(got: Tensor, wanted: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    assert got.shape == wanted.shape
    return float((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6))


@pytest.mark.slow
@example(  # stacked frames would have had another shape than what is added
    channels=(1, 32), kernel=(2, 3, 3), stride=(1, 1, 1), size=(4, 1, 1), count=1, threads=1, relu=False, adds=True
)
@settings(deadline=None, max_examples=50)
@given(
    channels=st.tuples(st.sampled_from([1, 3, 6, 8, 13, 16, 33, 70]), st.sampled_from([1, 4, 16, 19, 32, 50])),
    kernel=st.sampled_from([(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3), (1, 7, 7), (2, 3, 3)]),
    stride=st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2)]),
    size=st.tuples(st.sampled_from([2, 4]), st.integers(1, 20), st.integers(1, 20)),
    count=st.integers(1, 17),
    threads=st.sampled_from([1, 2]),
    relu=st.booleans(),
    adds=st.booleans(),
)
def test_a_convolution_with_its_batch_norm_gives_the_numbers_of_the_modules(
    channels: tuple[int, int],
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    size: tuple[int, int, int],
    count: int,
    threads: int,
    relu: bool,
    adds: bool,
) -> None:
    stride = (2, *stride[1:]) if kernel[0] == 2 else stride
    padding = (0 if kernel[0] == 2 else kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    torch.manual_seed(0)
    convolution = nn.Conv3d(*channels, kernel, stride, padding, bias=False)
    norm = nn.BatchNorm3d(channels[1], eps=1e-3)
    nn.init.uniform_(norm.weight, 0.5, 1)
    parts = nn.ModuleList((convolution, norm)).double()
    maps = torch.randn(count, channels[0], *size, dtype=torch.float64)
    shape = convolution(maps).shape
    if shape.numel() == channels[1]:
        return  # one value per channel has no spread
    added = torch.randn(shape, dtype=torch.float64) if adds else None
    weights = torch.randn(shape, dtype=torch.float64)

    def run(parts: nn.ModuleList, kind: torch.dtype, *, fast: bool) -> list[Tensor]:
        convolution, norm = parts
        assert isinstance(convolution, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
        inputs = maps.to(kind, copy=True).requires_grad_()
        also = None if added is None else added.to(kind, copy=True).requires_grad_()
        if fast:
            result = convolved(convolution, norm, inputs, relu=relu, added=also)
        else:
            result = norm(convolution(inputs)) + (0 if also is None else also)
            result = result.relu() if relu else result
        (result * weights.to(kind)).sum().backward()  # type: ignore[no-untyped-call]
        found = [result.detach(), inputs.grad, *(weight.grad for weight in parts.parameters()), *norm.buffers()]
        return [value for value in [*found, None if also is None else also.grad] if value is not None]

    wanted = run(deepcopy(parts), torch.float64, fast=False)
    usual_threads = torch.get_num_threads()
    torch.set_num_threads(threads)  # PyTorch lays maps out by it
    got = run(parts.float().to(memory_format=CHANNELS_LAST), torch.float32, fast=True)  # type: ignore[call-overload]
    torch.set_num_threads(usual_threads)
    usual = float(wanted[0].abs().max())
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.shape == theirs.shape
        # A value near ReLU's corner may fall on the other side of it in float32.
        assert ((mine - theirs).abs() > 1e-4 * max(usual, float(theirs.abs().max()))).double().mean() < 0.02


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize(("width", "frames", "side"), [(1 / 16, 8, 64), (0.1875, 16, 47), (1 / 2, 8, 64)])
def test_every_network_learns_the_same(name: str, width: float, frames: int, side: int) -> None:
    plain = BackboneLearner(network(name, width))  # type: ignore[arg-type]
    exact = deepcopy(plain).double()
    fast = deepcopy(plain).to(memory_format=CHANNELS_LAST)  # type: ignore[call-overload]
    assert fast.uses_kernels
    plain.uses_kernels = False
    batch = clips(4, 3, frames, side, side)
    losses = {}
    for learner in (exact, plain, fast):
        loss = functional.cross_entropy(learner(batch.double() if learner is exact else batch), LABELS)
        loss.backward()  # type: ignore[no-untyped-call]
        losses[learner] = float(loss.detach())
    assert losses[fast] == pytest.approx(losses[plain], rel=1e-5)
    wanted = gradient(exact)
    # PyTorch's own float32 is up to 2e-3 away, where a value falls on the other side of ReLU's corner.
    assert float((gradient(fast) - wanted).norm()) < 5e-3 * float(wanted.norm())
    statistics = dict(exact.named_buffers())
    assert all(error(value.double(), statistics[key].double()) < 1e-5 for key, value in fast.named_buffers())
    assert list(fast.state_dict()) == list(plain.state_dict())


def gradient(learner: nn.Module) -> Tensor:
    """All of it in one row."""
    found = [weight.grad.double().flatten() for weight in learner.parameters() if weight.grad is not None]
    assert len(found) == len(list(learner.parameters()))
    return torch.cat(found)


@pytest.mark.parametrize("part", ["expensive", "cheap"])
def test_ten_losses_of_tiny_are_those_of_the_plain_loop(part: str) -> None:
    config = getattr(tiny().model, part)
    torch.manual_seed(0)
    plain = BackboneLearner(BACKBONES[config.name](3, config.width)).train()
    fast = deepcopy(plain).to(memory_format=CHANNELS_LAST)  # type: ignore[call-overload]
    plain.uses_kernels = False
    optimizers = (
        torch.optim.SGD(plain.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=1e-4),
        make_optimizer(fast, StageConfig()),
    )
    batch, labels = clips(8, 3, 8, 64, 64), LABELS.repeat(2)
    losses: tuple[list[float], list[float]] = ([], [])
    for learner, optimizer, told in zip((plain, fast), optimizers, losses, strict=True):
        optimizer.param_groups[0]["lr"] = 0.02
        for _ in range(10):
            optimizer.zero_grad()
            loss = functional.cross_entropy(learner(batch), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            told.append(float(loss.detach()))
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    assert losses[1][0] == pytest.approx(losses[0][0], rel=1e-6)
    assert losses[0][-1] < 0.9 * losses[0][0]


def test_the_same_step_twice_is_the_same_bit_for_bit() -> None:
    first = network("r2plus1d50", 1 / 8)
    second = deepcopy(first)
    for learner in (first, second):
        fast_features(learner, clips(2, 3, 8, 64, 64)).square().sum().backward()  # type: ignore[arg-type, no-untyped-call]
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert (one.grad is None and two.grad is None) or torch.equal(one.grad, two.grad)  # type: ignore[arg-type]
    assert all(torch.equal(one, two) for one, two in zip(first.buffers(), second.buffers(), strict=True))


def test_one_value_per_channel_has_no_spread() -> None:
    convolution, norm = nn.Conv3d(4, 4, 1, bias=False), nn.BatchNorm3d(4)
    with pytest.raises(ValueError, match="expected more than 1 value per channel in training"):
        convolved(convolution, norm, torch.randn(1, 4, 1, 1, 1), relu=True)


@pytest.mark.parametrize("case", ["evaluating", "float64", "autocast"])
def test_what_the_kernels_do_not_know_goes_through_the_network_itself(case: str) -> None:
    made = network("r2d26", 1 / 16)
    batch = clips(2, 3, 8, 32, 32)
    if case == "evaluating":
        made.eval()
    if case == "float64":
        made, batch = made.double(), batch.double()
    before = deepcopy(made)
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
        assert torch.equal(fast_features(made, batch), before(batch))  # type: ignore[arg-type]


def test_batch_norm_that_processes_share_is_left_to_itself() -> None:
    made = network("r2d26", 1 / 16)
    assert trains_fast(made)
    made.stem[1] = SharedBatchNorm3d(4)  # type: ignore[operator, assignment]
    assert not trains_fast(made)
    assert not trains_fast(network("r2d26", 1 / 16).to("meta"))


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "false")
    c_compiler.forget()
    yield
    c_compiler.forget()


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_pytorchs_modules_are_used_and_it_is_said() -> None:
    with pytest.warns(FasterVideoWarning, match="training goes through PyTorch's own modules, which takes longer: "):
        learner = BackboneLearner(network("r2d26", 1 / 16))  # type: ignore[arg-type]
    assert not learner.uses_kernels
    assert learner(clips(2, 3, 8, 32, 32)).shape == (2, 3)
