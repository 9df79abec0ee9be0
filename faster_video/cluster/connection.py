"""A Ray cluster by its address: started on this machine or joined, and what it has to give.

Ray is an extra (`pip install 'faster-video[cluster]'`) and loaded where it is needed.
"""

import io
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from faster_video.children import usable_cores
from faster_video.errors import ClusterError, first_line

LOCAL, AUTO = "local", "auto"
FORMS = "give local (this machine), auto (the cluster that this machine is part of), HOST:PORT or ray://HOST:PORT"
PATIENCE_SECONDS = 5
"""For an address to answer at all."""


@dataclass(frozen=True, slots=True)
class Node:
    """What one machine of the cluster gives."""

    cores: int
    gpus: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """What there is when the connection is made; more machines may join later."""

    nodes: tuple[Node, ...]

    @property
    def cores(self) -> int:
        """Of all machines."""
        return sum(node.cores for node in self.nodes)

    @property
    def gpus(self) -> int:
        """Of all machines."""
        return sum(node.gpus for node in self.nodes)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Ray, connected for as long as the block runs; `local` starts it, with the cores of this process.

    Raises:
        ClusterError: Ray is not installed or runs in this process already, the address is none, or no cluster answers
            there.
    """
    if address != LOCAL:
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # tries; one takes Ray half a minute
    ray = _quiet_ray()
    if ray.is_initialized():
        raise ClusterError("this process is connected to Ray already; end that with ray.shutdown() first")
    _require_address(address)
    options: dict[str, Any] = {"address": address}
    if address == LOCAL:
        options |= {"num_cpus": usable_cores(), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    with redirect_stdout(_Remarks()):  # until Ray has ended, since it keeps some of what it prints until then
        try:
            try:
                with _stderr_shut():
                    ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL)
            except Exception as error:  # of many kinds, some of grpc
                raise ClusterError(
                    f"--cluster is {address!r}, and no cluster can be joined there: {first_line(error)}; start one "
                    "with ray start, or use --cluster local"
                ) from error
            yield Cluster(nodes=tuple(_nodes(ray)))
        finally:
            ray.shutdown()


def _quiet_ray() -> Any:
    """The package, with its logs, bars and usage reports off."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what its C++ writes to stderr
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            "--cluster needs Ray, which is not installed; run pip install 'faster-video[cluster]'"
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return ray


class _Remarks(io.TextIOBase):
    """Stands for stdout, where Ray prints whatever its machines report; what matters of it goes to stderr, plainly."""

    def write(self, text: str) -> int:
        """Take a piece of text; returns its length."""
        if "worker died" in text:
            print("a worker has died; what it had goes to another one", file=sys.stderr)
        return len(text)


@contextmanager
def _stderr_shut() -> Iterator[None]:
    """While Ray starts: it writes there that it will write nothing. What goes wrong is raised all the same."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _require_address(address: str) -> None:
    """Refuse what is no address, or where nothing listens."""
    if address in (LOCAL, AUTO):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ClusterError(f"--cluster is {address!r}; {FORMS}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"--cluster is {address!r}, where nothing answers: {error.strerror or error}; {FORMS}"
        ) from error


def _nodes(ray: Any) -> Iterator[Node]:
    for node in ray.nodes():
        found = node["Resources"]
        cores, gpus = int(found.get("CPU", 0)), int(found.get("GPU", 0))
        if node["Alive"] and (cores or gpus):  # a head may have none to give
            yield Node(cores, gpus)
