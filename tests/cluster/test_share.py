"""How a cluster is shared out, and what is said of one that is not there; no Ray is started."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faster_video.cluster import Cluster, connected, share_out
from faster_video.cluster.connection import Node
from faster_video.cluster.foreman import Foreman
from faster_video.errors import ClusterError, ConfigError


def cluster(*nodes: tuple[int, int]) -> Cluster:
    return Cluster(nodes=tuple(Node(cores, gpus) for cores, gpus in nodes))


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "wanted"),
    [
        ([(2, 0)], -1, "auto", (2, 1, 0, "cpu")),
        ([(2, 0)], 1, "auto", (1, 2, 0, "cpu")),
        ([(8, 0), (4, 0)], 3, "cpu", (3, 4, 0, "cpu")),
        ([(8, 0), (4, 0)], 13, "auto", (13, 1, 0, "cpu")),  # the last waits for another machine
        ([(0, 0), (1, 0), (1, 0)], 2, "auto", (2, 1, 0, "cpu")),
        ([(16, 4), (8, 1), (32, 0)], -1, "auto", (5, 4, 1, "cuda")),
        ([(16, 4)], 2, "cuda", (2, 4, 1, "cuda")),
        ([(16, 4)], -1, "cpu", (16, 1, 0, "cpu")),
    ],
)
def test_shares(nodes: list[tuple[int, int]], workers: int, device: str, wanted: tuple[int, int, int, str]) -> None:
    share = share_out(cluster(*nodes), workers, device)
    assert (share.workers, share.cores, share.gpus, share.device) == wanted


@given(nodes=st.lists(st.integers(1, 64), min_size=1, max_size=8), data=st.data())
def test_all_workers_fit_their_machines_and_one_core_more_each_would_not(nodes: list[int], data: st.DataObject) -> None:
    workers = data.draw(st.integers(1, sum(nodes)))
    share = share_out(cluster(*((cores, 0) for cores in nodes)), workers, "auto")
    assert sum(cores // share.cores for cores in nodes) >= workers
    assert sum(cores // (share.cores + 1) for cores in nodes) < workers


def test_what_a_cluster_has_not_is_said() -> None:
    with pytest.raises(ClusterError, match="device is 'cuda', but the cluster has no GPUs; use auto or cpu"):
        share_out(cluster((2, 0)), -1, "cuda")
    with pytest.raises(ClusterError, match="no cores to give; start its machines with ray start --num-cpus N"):
        share_out(cluster((0, 0)), -1, "auto")
    with pytest.raises(ConfigError, match="--workers is 0; it must be at least 1"):
        share_out(cluster((2, 0)), 0, "auto")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(
            ClusterError, match=r"needs Ray, which is not installed; run pip install 'faster-video\[cluster\]'"
        ),
        connected("local"),
    ):
        raise AssertionError


def test_a_connection_that_is_there_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    ended: list[bool] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append(True))
    with (
        pytest.raises(ClusterError, match=r"connected to Ray already; end that with ray\.shutdown\(\) first"),
        connected("local"),
    ):
        raise AssertionError
    assert not ended


@pytest.mark.parametrize("address", ["", "here", "ray://", "host:", ":1", "host:port", "host:0", "host:70000"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with (
        pytest.raises(ClusterError, match=r"--cluster is '.*'; give local \(this machine\), auto .*, HOST:PORT or ray"),
        connected(address),
    ):
        raise AssertionError


def test_the_foreman_knows_what_was_begun_and_not_ended() -> None:
    foreman = Foreman()
    assert foreman.begin([1, 2]) == [0, 0]
    foreman.end([2, 3])
    assert foreman.begin([1, 2]) == [1, 0]
    assert foreman.begin([1]) == [2]
    foreman.refuse("ConfigError", "no")
    assert foreman.refused() == [("ConfigError", "no")]
