"""Changes of size as matrix products are those of PyTorch."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from faster_video.export.resizing import ResizingAsProducts

MODES = ["bilinear", "bicubic"]
sizes = st.integers(1, 12)
sides = st.integers(2, 12)
"""Of pictures: those of one pixel's width PyTorch 2.13 makes higher in another way than wider ones."""


@settings(deadline=None)
@given(before=st.tuples(sizes, sizes, sizes), after=st.tuples(sizes, sizes, sizes))
def test_adaptive_pools(before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    maps = torch.rand(2, 3, *before)
    with ResizingAsProducts():
        in_space_and_time = functional.adaptive_avg_pool3d(maps, after)
        in_space = nn.AdaptiveAvgPool2d((after[1], None))(maps[:, 0])
    torch.testing.assert_close(in_space_and_time, functional.adaptive_avg_pool3d(maps, after))
    torch.testing.assert_close(in_space, functional.adaptive_avg_pool2d(maps[:, 0], (after[1], before[2])))


@settings(deadline=None)
@given(before=st.tuples(sides, sides), after=st.tuples(sides, sides), mode=st.sampled_from(MODES))
def test_antialiased_pictures(before: tuple[int, int], after: tuple[int, int], mode: str) -> None:
    pictures = torch.rand(2, 3, *before)
    with ResizingAsProducts():
        resized = functional.interpolate(pictures, after, mode=mode, antialias=True)
    wanted = functional.interpolate(pictures, after, mode=mode, antialias=True)
    torch.testing.assert_close(resized, wanted, atol=1e-5, rtol=0)


class Resizing(nn.Module):
    """Every change of size that is not as PyTorch's everywhere, and one that is."""

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, C, 20, 20] to [N, C, 1, 1]."""
        small = functional.interpolate(pictures, (14, 14), mode="bilinear", antialias=True)
        plain = functional.interpolate(small, (9, 9), mode="bilinear")
        smaller = functional.adaptive_avg_pool2d(plain, (4, 5))
        return functional.adaptive_avg_pool3d(smaller, 1)


def test_once_run_it_is_traced_without_any_of_them() -> None:
    pictures = torch.rand(1, 3, 20, 20)
    with ResizingAsProducts(), torch.no_grad():
        wanted = Resizing()(pictures)
        program = torch.export.export(Resizing(), (pictures,), strict=False)
    names = [str(node.target) for node in program.graph.nodes]
    assert not [name for name in names if "adaptive" in name or "_aa" in name]
    assert sum("upsample_bilinear2d" in name for name in names) == 1
    torch.testing.assert_close(program.module()(pictures), wanted)
    torch.testing.assert_close(Resizing()(pictures), wanted)
