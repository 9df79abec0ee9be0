"""How the cores and GPUs of a cluster are shared out among workers; numbers in, numbers out."""

from dataclasses import dataclass

from faster_video.cluster.connection import Cluster
from faster_video.errors import ClusterError
from faster_video.limits import require_at_least

USUAL = -1
"""One worker per core, or per GPU where there are some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What each of the workers has to itself."""

    workers: int
    cores: int
    """Threads of a worker's networks, too."""
    gpus: int
    device: str
    """What the networks run on: that which was asked for, or what the cluster has."""


def share_out(cluster: Cluster, workers: int, device: str) -> Share:
    """For `workers` (`USUAL`: as many as suit) on `device`; `auto` takes GPUs where the cluster has some.

    Fewer workers than cores get several each, as many as let all of them run. More than there are cores wait for
    machines that join.

    Raises:
        ClusterError: GPUs are asked for and there are none, or the cluster has no cores.
        ConfigError: there are less than one.
    """
    if workers != USUAL:
        require_at_least("--workers", workers, 1)
    if device.startswith("cuda") and not cluster.gpus:
        raise ClusterError(f"device is {device!r}, but the cluster has no GPUs; use auto or cpu")
    if not cluster.cores:
        raise ClusterError("the cluster has no cores to give; start its machines with ray start --num-cpus N")
    on_gpus = cluster.gpus > 0 and device != "cpu"
    if on_gpus:
        with_gpus = [node for node in cluster.nodes if node.gpus]
        cores = max(1, min(node.cores // node.gpus for node in with_gpus))
        return Share(workers=cluster.gpus if workers == USUAL else workers, cores=cores, gpus=1, device="cuda")
    if workers == USUAL:
        return Share(workers=cluster.cores, cores=1, gpus=0, device="cpu")
    most = max(node.cores for node in cluster.nodes)
    fitting = [cores for cores in range(1, most + 1) if sum(node.cores // cores for node in cluster.nodes) >= workers]
    return Share(workers=workers, cores=max(fitting, default=1), gpus=0, device="cpu")
