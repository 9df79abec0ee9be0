"""The HTTP interface: files to answers, streams to answers, the page, and what operators look at."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request, Security, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

import faster_video
from faster_video.inference import Classifier
from faster_video.serving.answering import EVENTS, JobResponse
from faster_video.serving.config import ServeConfig
from faster_video.serving.guard import Guard, is_token
from faster_video.serving.jobs import BusyError, Jobs
from faster_video.serving.metrics import Metrics
from faster_video.serving.refusals import answer, busy
from faster_video.serving.schema import FORM, MOST_TOP, REFUSALS, Answer, Info, Limits
from faster_video.serving.shared_model import SharedModel
from faster_video.serving.sockets import Sockets
from faster_video.serving.uploads import Spool

PAGE = Path(__file__).parent / "page"
TOKEN = [Security(HTTPBearer(auto_error=False, description="the server's token, if it has one"))]
"""For the OpenAPI page; `Guard` looks at the token."""


def make_app(classifier: Classifier, config: ServeConfig, name: str = "bundle") -> FastAPI:
    """A server of this classifier; `name` is what users see of its bundle.

    It owns a thread for the networks, and decoding processes; they end when the app is shut down.
    """
    metrics = Metrics()
    model = SharedModel(classifier, metrics.batch)
    jobs = Jobs(classifier, model, config)
    sockets = Sockets(classifier, model, jobs.pool, config, metrics)
    metrics.waiting.set_function(lambda: jobs.waiting.count)
    metrics.streams.set_function(lambda: sockets.open)
    spool = Spool(config, metrics)
    metrics.uploads.set_function(lambda: spool.uploads)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()
        sockets.close()
        model.close()

    app = FastAPI(
        title="faster_video",
        version=faster_video.__version__,
        description="Video classification with an answer after every clip.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page comes from another host
        redoc_url=None,
    )
    app.openapi_version = "3.0.2"  # of the page at /docs
    app.add_middleware(Guard, config=config, metrics=metrics)
    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(RequestValidationError, _wrong_query)
    _add_classify(app, jobs, spool, metrics)
    _add_looks(app, info_of(classifier, config, name), metrics)

    @app.websocket("/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        await sockets.serve(websocket, lambda token: is_token(config.token, token))

    return app


def _add_classify(app: FastAPI, jobs: Jobs, spool: Spool, metrics: Metrics) -> None:
    @app.post(
        "/v1/classify",
        response_model=Answer,
        responses=REFUSALS | {200: {"content": {EVENTS: {}}, "description": "the answer, or events `clip` … `result`"}},
        openapi_extra=FORM,
        summary="Classify a video",
        dependencies=TOKEN,
    )
    async def classify(
        request: Request, top: Annotated[int, Query(ge=1, le=MOST_TOP, description="labels to name")] = 5
    ) -> Response:
        """The labels of a video file. With `Accept: text/event-stream` an event `clip` after every clip, then `result`
        or `error`. A client that goes away has its work stopped."""
        async with AsyncExitStack() as stack:
            try:
                jobs.waiting.require_place()
                given = await stack.enter_async_context(spool.given(request))
                stack.enter_context(jobs.waiting.place())
            except BusyError as error:
                raise busy(error.retry_seconds, "as many videos wait as may") from error
            events = EVENTS in request.headers.get("accept", "")
            return JobResponse(given, stack.pop_all(), jobs, metrics, top=top, events=events)


def _add_looks(app: FastAPI, info: Info, metrics: Metrics) -> None:
    """What can be looked at: the page, what the server runs, its health."""

    @app.get("/v1/info", summary="What the server runs")
    async def about() -> Info:
        return info

    @app.get("/healthz", summary="Whether the server answers")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse, summary="Counters for Prometheus", dependencies=TOKEN)
    async def counters() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(PAGE / "docs.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/swagger", StaticFiles(directory=swagger_ui_path))


def info_of(classifier: Classifier, config: ServeConfig, name: str) -> Info:
    """What a server of this classifier tells about itself."""
    cost = classifier.cost
    return Info(
        version=faster_video.__version__,
        bundle=name,
        num_labels=len(classifier.bundle.labels),
        pattern=classifier.model.chosen_by,
        num_clips=cost.num_clips,
        frames_per_clip=classifier.bundle.config.clips.frames_per_clip,
        gmacs=cost.gmacs,
        gmacs_all_expensive=cost.all_expensive_gmacs,
        needs_token=config.token is not None,
        takes_paths=config.root is not None,
        limits=Limits(upload_bytes=config.upload_bytes, video_seconds=config.video_seconds, streams=config.streams),
    )


async def _wrong_query(_request: Request, error: Exception) -> JSONResponse:
    """One sentence for what FastAPI says in many lines."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"][1:]))
    return JSONResponse({"detail": f"{place} is {first.get('input')!r}: {first['msg']}"}, 422)
