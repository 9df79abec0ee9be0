"""A server under load, on this machine alone.

    python benchmarks/serving.py load FOLDER [--bundle default] [--clients 64] [--seconds 300] [--at_once N]
    python benchmarks/serving.py streams VIDEO [--bundle motion] [--opened 200] [--together 32]

`load`: every client sends files of FOLDER, one after the other, and begins again at once; one that is refused with 503
waits as long as the answer says. `faster-video classify` does the same files before and after, in as many processes as
it takes by itself; its rate is that between its first and last answers, the server's that of the whole time.
`streams`: WebSockets are opened, sent pictures, and ended in one of four ways at random: properly, closed, cut off, or
left open until all are over. Memory, descriptors, threads and processes are counted after each of six such rounds.

Memory is that of the server with its decoding processes (proportional set size).
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from statistics import quantiles

import aiohttp
import av
import psutil
import torch
from av.codec.context import CodecContext
from peak import described, rates

from faster_video.datasets import videos_in_folder

SETTLE_SECONDS = 8
ROUNDS = 6
FPS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "streams"])
    parser.add_argument("videos", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--at_once", type=int)
    parser.add_argument("--opened", type=int, default=200)
    parser.add_argument("--together", type=int, default=32)
    options = parser.parse_args()
    print(described(rates(torch.get_num_threads())))
    if options.what == "load":
        load(options)
    else:
        streams(options)


def load(options: argparse.Namespace) -> None:
    bundle = options.bundle or "default"
    files = videos_in_folder(options.videos)[: options.files]
    if not files:
        raise SystemExit(f"{options.videos}: there is no video below it; give a folder of videos")
    print(
        f"bundle {bundle}, {len(files)} files of {sum(file.stat().st_size for file in files) / len(files) / 1e3:.0f} kB"
    )
    before = classify_rate(files, bundle)
    print(f"classify, before: {before:.2f} files a second")
    words = [] if options.at_once is None else ["--at_once", str(options.at_once)]
    with serving(bundle, words) as (address, process):
        found = asyncio.run(clients(address, files, process, options.clients, options.seconds))
        report(found, options)
        print(batches(address))
    after = classify_rate(files, bundle)
    print(f"classify, after: {after:.2f} files a second")
    rate = len(found.latencies) / found.seconds
    print(f"server: {rate:.2f} files a second, {rate / (before + after) * 2:.2f} times classify")


def classify_rate(files: list[Path], bundle: str) -> float:
    """Files a second between the first answer of the command and its last."""
    command = [sys.executable, "-m", "faster_video", "classify", *map(str, files), "--bundle", bundle, "--jsonl"]
    times = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            assert "error" not in json.loads(line), line
            times.append(time.monotonic())
    return (len(times) - 1) / (times[-1] - times[0])


@contextmanager
def serving(bundle: str, words: list[str]) -> Iterator[tuple[str, psutil.Process]]:
    """A server in a process of its own, and its address."""
    command = [sys.executable, "-m", "faster_video", "serve", bundle, "--port", "0", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        found = re.search(r"http://\S+?:\d+", running.stderr.readline())
        assert found is not None
        try:
            yield found.group(), psutil.Process(running.pid)
        finally:
            running.terminate()
            print(f"server ended with code {running.wait(30)}; on stderr: {running.stderr.read()!r}")


class Found:
    """What the clients met."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.memory: list[tuple[float, float]] = []
        """Seconds since the beginning, and MB."""
        self.seconds = 0.0


async def clients(address: str, files: list[Path], process: psutil.Process, number: int, seconds: float) -> Found:
    found, began = Found(), time.monotonic()
    contents = [file.read_bytes() for file in files]
    until = began + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def client(seed: int) -> None:
            chosen = random.Random(seed)
            while time.monotonic() < until:
                form = aiohttp.FormData()
                form.add_field("file", chosen.choice(contents), filename="video.mp4")
                asked = time.monotonic()
                try:
                    async with session.post(f"{address}/v1/classify", data=form) as response:
                        await response.read()
                        found.statuses[str(response.status)] += 1
                        if response.status == 200 and time.monotonic() < until:
                            found.latencies.append(time.monotonic() - asked)
                        elif response.status == 503:
                            await asyncio.sleep(float(response.headers["Retry-After"]) * (0.5 + chosen.random()))
                except aiohttp.ClientError as error:
                    found.statuses[type(error).__name__] += 1

        async def watch() -> None:
            while time.monotonic() < until:
                found.memory.append((time.monotonic() - began, megabytes(process)))
                await asyncio.sleep(2)

        await asyncio.gather(watch(), *(client(seed) for seed in range(number)))
    found.seconds = seconds
    return found


def report(found: Found, options: argparse.Namespace) -> None:
    """Answers that came after the end of the time do not count."""
    cuts = quantiles(found.latencies, n=100)
    print(f"{options.clients} clients for {found.seconds:.0f} seconds; responses: {dict(found.statuses)}")
    print(f"latency of 200s: median {cuts[49]:.2f} s, p90 {cuts[89]:.2f}, p95 {cuts[94]:.2f}, p99 {cuts[98]:.2f}")
    fifths = [
        [size for seconds, size in found.memory if part <= seconds / found.seconds * 5 < part + 1] for part in range(5)
    ]
    print("MB in each fifth of the time:", " ".join(f"{sum(part) / max(1, len(part)):.0f}" for part in fifths))


def batches(address: str) -> str:
    """How many clips went through a network together in the mean, as the server counts it."""
    import urllib.request

    text = urllib.request.urlopen(f"{address}/metrics").read().decode()
    values = dict(re.findall(r'^faster_video_batch_size_(\w+\{kind="\w+"\}) (\S+)$', text, re.MULTILINE))
    parts = []
    for kind in ("expensive", "cheap", "fold"):
        name = f'{{kind="{kind}"}}'
        if f"sum{name}" in values:
            parts.append(f"{kind} {float(values[f'sum{name}']) / float(values[f'count{name}']):.2f}")
    return f"computed together: {', '.join(parts)}"


def streams(options: argparse.Namespace) -> None:
    words = ["--streams", str(options.opened), "--connections", str(4 * options.opened)]
    with serving(options.bundle or "motion", words) as (address, process):
        print(f"at the beginning: {state(process)}")
        for number in range(1, ROUNDS + 1):
            ended = asyncio.run(churn(address, options))
            time.sleep(SETTLE_SECONDS)
            print(f"round {number}, {options.opened} streams, {options.together} sent to at once: {dict(ended)}")
            print(f"  afterwards: {state(process)}")


def state(process: psutil.Process) -> str:
    children = process.children(recursive=True)
    return (
        f"{megabytes(process):.0f} MB, {process.num_fds()} descriptors, {process.num_threads()} threads, "
        f"{len(children)} child processes"
    )


async def churn(address: str, options: argparse.Namespace) -> Counter[str]:
    pictures = jpegs(options.videos)
    ended: Counter[str] = Counter()
    room = asyncio.Semaphore(options.together)
    async with aiohttp.ClientSession() as session:

        async def one(seed: int) -> None:
            chosen = random.Random(seed)
            async with room:
                await asyncio.sleep(chosen.random())
                ended[await stream(session, f"{address}/v1/stream", pictures, chosen)] += 1

        await asyncio.gather(*(one(seed) for seed in range(options.opened)))
    return ended


async def stream(session: aiohttp.ClientSession, address: str, pictures: list[bytes], chosen: random.Random) -> str:
    """One stream; how it ended."""
    way = chosen.choice(["ended", "closed", "cut off", "left open"])
    socket = await session.ws_connect(address, autoclose=False)
    await socket.send_json({"format": "jpeg", "fps": FPS, "live": chosen.random() < 0.5})
    first = await socket.receive()
    if first.type is not aiohttp.WSMsgType.TEXT or json.loads(first.data)["type"] != "ready":
        await socket.close()
        return f"refused ({first.data})"
    with suppress(ConnectionError):
        for picture in pictures[: chosen.randrange(1, len(pictures))]:
            await socket.send_bytes(picture)
            await asyncio.sleep(chosen.random() * 0.01)
    if way == "ended":
        await socket.send_json({"end": True})
        async for message in socket:
            last = message
        return "ended" if json.loads(last.data)["type"] == "end" else f"ended with {last.data}"
    if way == "closed":
        await socket.close()
    elif way == "cut off":
        assert socket._response.connection is not None and socket._response.connection.transport is not None
        socket._response.connection.transport.abort()
    else:  # nobody reads or closes it until the session ends
        await asyncio.sleep(1)
    return way


def jpegs(video: Path) -> list[bytes]:
    """The frames of a video, one JPEG each."""
    coded = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            context = CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
            context.time_base = Fraction(1, FPS)
            packets = [*context.encode(frame.reformat(format="yuvj420p")), *context.encode(None)]
            coded.append(b"".join(map(bytes, packets)))
    return coded


def megabytes(process: psutil.Process) -> float:
    """Of a process and those it started."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error, OSError):
            total += each.memory_full_info().pss
    return total / 1e6


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
