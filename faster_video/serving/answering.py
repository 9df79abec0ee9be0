"""The response to a file: its answer when it is known, or an event after every clip; the work ends with the client."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from time import perf_counter

import anyio
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from faster_video.errors import first_line
from faster_video.inference import Classification, ClipAnswer, Failure
from faster_video.serving.jobs import Job, Jobs
from faster_video.serving.metrics import Metrics
from faster_video.serving.reasons import UNWANTED
from faster_video.serving.schema import Answer, Clip
from faster_video.serving.uploads import Given

EVENTS = "text/event-stream"
HEARTBEAT_SECONDS = 10.0
"""Between two signs of life of a stream of events."""
UNDECODABLE, INTERNAL = 422, 500
Result = Classification | Failure | None


class JobResponse(Response):
    """Does the work when the response is sent; whatever ends it, the work ends, and then `held` is let go."""

    def __init__(
        self, given: Given, held: AsyncExitStack, jobs: Jobs, metrics: Metrics, *, top: int, events: bool
    ) -> None:
        super().__init__()
        self._held, self._jobs, self._metrics = held, jobs, metrics
        self._top, self._events = top, events
        self._loop = asyncio.get_running_loop()
        self._known: asyncio.Queue[tuple[ClipAnswer, float] | None] = asyncio.Queue()
        """Answers with the video's length in seconds; None when the result is there."""
        self._job = Job(given.path, given.name, lambda clip, seconds: self._hear((clip, seconds)))

    def _hear(self, known: tuple[ClipAnswer, float] | None) -> None:
        """Called in the thread that works."""
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._known.put_nowait, known)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as long as somebody listens."""
        began = perf_counter()
        async with self._held:
            future = self._jobs.submit(self._job)
            future.add_done_callback(lambda _: self._hear(None))
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(_until_gone, receive, group.cancel_scope)
                    await self._answer(future, scope, receive, send)
                    group.cancel_scope.cancel()
            finally:
                self._job.unwanted.set()
                future.cancel()
                with anyio.CancelScope(shield=True):  # the file must stay until nobody reads it
                    await asyncio.wait([asyncio.wrap_future(future)])
                self._count(future, perf_counter() - began)

    async def _answer(self, future: "Future[Result]", scope: Scope, receive: Receive, send: Send) -> None:
        if not self._events:
            while await self._known.get() is not None:
                pass
            status, body = self._final(future)
            await JSONResponse(body, status)(scope, receive, send)
            return
        headers = [(b"content-type", EVENTS.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for event in self._as_events(future):
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _as_events(self, future: "Future[Result]") -> AsyncIterator[bytes]:
        number, cost = 0, self._jobs.classifier.cost
        classes = self._jobs.classifier.bundle.labels
        yield b": waiting\n\n"
        while True:
            try:
                known = await asyncio.wait_for(self._known.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": waiting\n\n"
                continue
            if known is None:
                break
            clip, seconds = known
            of_video = {
                "number": number,
                "num_clips": cost.num_clips,
                "video_seconds": seconds,
                "gmacs_all_expensive": cost.all_expensive_gmacs,
            }
            yield _event("clip", Clip.of(clip, classes, self._top).model_dump() | of_video)
            number += 1
        status, body = self._final(future)
        yield _event("result", body) if status == 200 else _event("error", {"status": status} | body)

    def _final(self, future: "Future[Result]") -> tuple[int, dict[str, object]]:
        """Status and body once the work has ended."""
        error = future.exception()
        if error is not None:
            logging.getLogger(__name__).error("classifying %s", self._job.name, exc_info=error)
            return INTERNAL, {"detail": f"the server could not do it ({first_line(error)})"}
        result = future.result()
        if isinstance(result, Classification):
            return 200, Answer.of(result, self._top).model_dump()
        assert result is not None  # somebody waits
        return UNDECODABLE, {"detail": f"{self._job.name}: {result.reason}"}

    def _count(self, future: "Future[Result]", seconds: float) -> None:
        is_broken = not future.cancelled() and future.exception() is not None
        result = None if future.cancelled() or is_broken else future.result()
        if isinstance(result, Failure) and result.reason == UNWANTED:
            result = None
        outcome = {Classification: "answered", Failure: "failed"}.get(
            type(result), "broken" if is_broken else "unwanted"
        )
        self._metrics.videos.labels(outcome).inc()
        if isinstance(result, Classification):
            self._metrics.seconds.observe(seconds)
            before = 0.0
            for clip in result.clips:
                self._metrics.clip(clip.gmacs - before, expensive=clip.expensive)
                before = clip.gmacs


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel the work when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _event(name: str, values: dict[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(values)}\n\n".encode()
