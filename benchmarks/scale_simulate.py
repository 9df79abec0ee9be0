"""A cluster's scheduler, event by event: one driver, workers, a shared link to the storage, failures, stragglers.

Part of `benchmarks/scale.py`, whose docstring says how it is run. What happens is what `faster_video.cluster` does:

    driver    gives tasks of a few files to the workers, one task at a time, `task_seconds` each; a worker has up to
              three tasks, the one it does and two that wait
    worker    of one task, fetches a file while it decodes another, and decodes while the networks compute one (on one
              core decoding is part of the computing); one file of each kind may wait; the next task begins afterwards
    link      all workers fetch through it, one file after the other at its full speed, which takes as long as
              all at a share of it; each fetch takes `latency_seconds` more
    failure   a worker dies now and then: its tasks go back to the head of the queue, whole, and after
              `start_seconds` it is there again
    straggler a worker that takes longer for everything
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

TASKS_AT_WORKER = 3
"""`1 + faster_video.cluster.pool.TASKS_AHEAD`."""
READY = 1
"""Files that wait between two stages of a worker, at most: `FETCHED_AHEAD`, and about what decoding is ahead."""


@dataclass(frozen=True, slots=True)
class Video:
    """What one video takes of a worker and of the link."""

    megabytes: float
    decode_seconds: float
    compute_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """Of a cluster and its work."""

    workers: int
    files_per_task: int
    task_seconds: float = 0.0
    """Of the driver, for each task."""
    link_megabytes_per_second: float = float("inf")
    files_per_second: float = float("inf")
    """That the storage gives out, at most."""
    latency_seconds: float = 0.0
    start_seconds: float = 0.0
    failures_per_hour: float = 0.0
    """Of one worker."""
    straggler_share: float = 0.0
    straggler_slowdown: float = 1.0
    seed: int = 0


@dataclass(slots=True)
class Outcome:
    """How it went."""

    seconds: float = 0.0
    done: list[int] = field(default_factory=list)
    """How often each task was done and its results kept."""
    failures: int = 0
    lost_seconds: float = 0.0
    """Of computing whose results were lost."""
    busy_seconds: float = 0.0
    first_idle_seconds: float = 0.0
    """When the first worker had nothing left: what comes after it is the tail."""
    ends: list[float] = field(default_factory=list)
    """When each task was done."""


@dataclass(slots=True)
class _Worker:
    """The tasks it has, and its three stages; every number is an index of a video."""

    slowdown: float
    life: int = 0
    """How often it was started; what an earlier life began does not come any more."""
    alive: bool = False
    tasks: deque[int] = field(default_factory=deque)
    coming: int = 0
    """Tasks that the driver is about to hand over."""
    to_fetch: deque[int] = field(default_factory=deque)
    fetching: bool = False
    fetched: deque[int] = field(default_factory=deque)
    decoding: bool = False
    decoded: deque[int] = field(default_factory=deque)
    computing: bool = False
    left: dict[int, int] = field(default_factory=dict)
    """Videos that each task still lacks."""
    spent: dict[int, float] = field(default_factory=dict)
    """Seconds computed for tasks that are not done."""


class Simulation:
    """One run; `run` gives the outcome."""

    def __init__(self, setup: Setup, videos: Sequence[Video]) -> None:
        self.setup, self.videos = setup, videos
        self.random = random.Random(setup.seed)
        size = setup.files_per_task
        self.size = size
        self.num_tasks = -(-len(videos) // size)
        self.queue = deque(range(self.num_tasks))
        self.now, self.driver_free, self.link_free = 0.0, 0.0, 0.0
        self.outcome = Outcome(done=[0] * self.num_tasks)
        self.events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self.order = count()
        self.workers = [_Worker(self._slowdown()) for _ in range(setup.workers)]
        self.remaining = self.num_tasks
        self.is_idle = False

    def _slowdown(self) -> float:
        slow = self.setup.straggler_share and self.random.random() < self.setup.straggler_share
        return self.setup.straggler_slowdown if slow else 1.0

    def _at(self, when: float, what: Callable[..., None], *about: object) -> None:
        heapq.heappush(self.events, (when, next(self.order), what, about))

    def run(self) -> Outcome:
        """Until every task is done."""
        for worker in self.workers:
            self._at(self.setup.start_seconds, self._started, worker)
        while self.remaining:
            self.now, _, what, about = heapq.heappop(self.events)
            what(*about)
        self.outcome.seconds = self.now
        if not self.is_idle:
            self.outcome.first_idle_seconds = self.now
        return self.outcome

    def _started(self, worker: _Worker) -> None:
        worker.alive = True
        if self.setup.failures_per_hour:
            life = self.random.expovariate(self.setup.failures_per_hour / 3600)
            self._at(self.now + life, self._died, worker, worker.life)
        self._hand_out(worker)

    def _hand_out(self, worker: _Worker) -> None:
        """Ask the driver for the tasks that the worker may have; the driver does one thing after the other."""
        while worker.alive and self.queue and len(worker.tasks) + worker.coming < self._fair():
            self.driver_free = max(self.driver_free, self.now) + self.setup.task_seconds
            worker.coming += 1
            self._at(self.driver_free, self._arrived, worker, worker.life, self.queue.popleft())
        if worker.alive and not self.queue and not worker.tasks and not worker.coming and not self.is_idle:
            self.is_idle, self.outcome.first_idle_seconds = True, self.now

    def _fair(self) -> int:
        """Tasks for one worker: three, but where few are left, no more than an equal share of them."""
        return min(TASKS_AT_WORKER, max(1, -(-len(self.queue) // len(self.workers))))

    def _arrived(self, worker: _Worker, life: int, task: int) -> None:
        if worker.life != life:
            self._give_back([task])
            return
        worker.coming -= 1
        worker.tasks.append(task)
        videos = self._videos_of(task)
        worker.left[task], worker.spent[task] = len(videos), 0.0
        if len(worker.tasks) == 1:
            self._begin(worker)

    def _begin(self, worker: _Worker) -> None:
        """The first of its tasks, when the one before is done."""
        worker.to_fetch.extend(self._videos_of(worker.tasks[0]))
        self._go_on(worker)

    def _videos_of(self, task: int) -> range:
        return range(task * self.size, min((task + 1) * self.size, len(self.videos)))

    def _go_on(self, worker: _Worker) -> None:
        """Let every stage that is free take what waits for it, the last stage first."""
        if not worker.computing and worker.decoded:
            worker.computing = True
            video = worker.decoded.popleft()
            seconds = self.videos[video].compute_seconds * worker.slowdown
            self._at(self.now + seconds, self._computed, worker, worker.life, video, seconds)
        if not worker.decoding and worker.fetched and len(worker.decoded) < READY:
            video = worker.fetched.popleft()
            seconds = self.videos[video].decode_seconds * worker.slowdown
            worker.decoding = True
            if seconds:
                self._at(self.now + seconds, self._decoded, worker, worker.life, video)
            else:
                self._decoded(worker, worker.life, video)
        if not worker.fetching and worker.to_fetch and len(worker.fetched) < READY:
            worker.fetching = True
            self._fetch(worker, worker.to_fetch.popleft())

    def _fetch(self, worker: _Worker, video: int) -> None:
        setup = self.setup
        sending = max(self.videos[video].megabytes / setup.link_megabytes_per_second, 1 / setup.files_per_second)
        self.link_free = max(self.link_free, self.now) + sending
        until = self.link_free + setup.latency_seconds
        if until > self.now:
            self._at(until, self._fetched, worker, worker.life, video)
        else:
            self._fetched(worker, worker.life, video)

    def _fetched(self, worker: _Worker, life: int, video: int) -> None:
        if worker.life == life:
            worker.fetching = False
            worker.fetched.append(video)
            self._go_on(worker)

    def _decoded(self, worker: _Worker, life: int, video: int) -> None:
        if worker.life == life:
            worker.decoding = False
            worker.decoded.append(video)
            self._go_on(worker)

    def _computed(self, worker: _Worker, life: int, video: int, seconds: float) -> None:
        if worker.life != life:
            return
        worker.computing = False
        task = video // self.size
        worker.left[task] -= 1
        worker.spent[task] += seconds
        self.outcome.busy_seconds += seconds
        if not worker.left[task]:
            worker.tasks.remove(task)
            del worker.left[task], worker.spent[task]
            self.outcome.done[task] += 1
            self.outcome.ends.append(self.now)
            self.remaining -= 1
            if worker.tasks:
                self._begin(worker)
            self._hand_out(worker)
        self._go_on(worker)

    def _died(self, worker: _Worker, life: int) -> None:
        if worker.life != life:
            return
        self.outcome.failures += 1
        self.outcome.lost_seconds += sum(worker.spent.values())
        back = list(worker.tasks)
        worker.life, worker.alive, worker.coming = life + 1, False, 0
        for waiting in (worker.tasks, worker.to_fetch, worker.fetched, worker.decoded):
            waiting.clear()
        worker.left, worker.spent = {}, {}
        worker.fetching = worker.decoding = worker.computing = False
        self._at(self.now + self.setup.start_seconds, self._started, worker)
        self._give_back(back)

    def _give_back(self, tasks: list[int]) -> None:
        self.queue.extendleft(reversed(tasks))
        for worker in self.workers:
            if not self.queue:
                break
            self._hand_out(worker)


def simulate(setup: Setup, videos: Sequence[Video]) -> Outcome:
    """All videos through the cluster."""
    return Simulation(setup, videos).run()
