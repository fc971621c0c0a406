"""The panel's application: routes, and every error as words for the person.

`create_app(deps)` is the API alone; `create_app(deps, PageFrame(...))` has the pages too. Errors of the API are
`shapes.Problem`, those of pages are pages. Dependencies are at `app.state.deps` (`seams.deps_of`).
"""

from __future__ import annotations

from collections.abc import Callable

from anyio import CapacityLimiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge import __version__, log
from edge.errors import (
    EdgeError,
    NotThere,
    RecipeError,
    Refused,
    ServiceError,
    StoreError,
    StoreFull,
    UsageError,
)
from edge.panel import security
from edge.panel.page_frame import STATIC, PageFrame
from edge.panel.routes import (
    api_changes,
    api_corrections,
    api_jobs,
    api_kinds,
    api_line,
    api_live,
    api_models,
    api_parts,
    api_recipes,
    api_retaught,
    api_state,
    api_teach,
    api_words,
    metrics,
    pages,
)
from edge.panel.seams import Deps
from edge.panel.shapes import Problem, problems

_log = log.get(__name__)
_STATUS: tuple[tuple[type[EdgeError], int], ...] = (
    (NotThere, 404),
    (UsageError, 422),
    (RecipeError, 422),
    (Refused, 409),
    (StoreFull, 507),
    (StoreError, 503),
    (ServiceError, 503),
)
ASKERS = 4  # threads of their own for requests to the line: stopping waits for no list of parts
_PLAIN = ("/health", "/metrics", "/openapi.json")
Answer = Callable[[Request, int, Problem], Response]


def create_app(
    deps: Deps, frame: PageFrame | None = None, writes: Callable[[], security.Pace] = security.Pace
) -> FastAPI:
    """Starts nothing and opens nothing: `deps` brings what runs. writes: makes the pace of writes, of asks apart."""
    app = FastAPI(
        title="edge panel",
        version=__version__,
        description="Quality inspection on the device. One device, one station.",
        docs_url=None,  # they would load from another host
        redoc_url=None,
        responses=problems(403, 414, 500),
    )
    app.state.deps = deps
    app.state.askers, app.state.asks = CapacityLimiter(ASKERS), writes()
    work = (api_jobs, api_teach, api_retaught, api_models, api_corrections, api_changes, api_kinds)
    for routes in (api_state, api_line, api_recipes, api_parts, api_live, *work, metrics):
        app.include_router(routes.router)
    if frame is not None:
        app.include_router(api_words.make(frame))
        app.include_router(pages.make(frame))
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _say_errors(app, frame)
    app.add_middleware(_Boundary, answer=_answer(frame))
    app.add_middleware(security.Guard, hosts=security.own_hosts(deps.station.panel.port), writes=writes())
    return app


def status_of(error: EdgeError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _answer(frame: PageFrame | None) -> Answer:
    def answer(request: Request, status: int, problem: Problem) -> Response:
        path = request.url.path
        if frame is None or path.startswith((security.API, "/static/")) or path in _PLAIN:
            return JSONResponse(problem.model_dump(), status_code=status)
        return frame.trouble(request, status=status, message=problem.message, hint=problem.hint)

    return answer


def _say_errors(app: FastAPI, frame: PageFrame | None) -> None:
    answer = _answer(frame)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, EdgeError)
        status = status_of(error)
        if status == 500:  # the others are told where they happen; whoever asks again and again fills no log
            _log.error("%s %s: %s", request.method, request.url.path, error)
        return answer(request, status, Problem(message=error.message, hint=error.hint))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(piece) for piece in first["loc"][1:]) or "the request"
        return answer(request, 422, Problem(message=f"{where}: {first['msg']}"[:300], hint="mend this field"))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        hint = "see /openapi.json" if request.url.path.startswith(security.API) else ""
        answered = answer(request, error.status_code, Problem(message=str(error.detail), hint=hint))
        answered.headers.update(error.headers or {})
        return answered

    app.add_exception_handler(EdgeError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


class _Boundary:
    """A defect of ours is logged whole and ends one answer only."""

    def __init__(self, app: ASGIApp, answer: Answer) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # noqa: BLE001 - the boundary: as said above
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if not started:
                problem = Problem(message="the panel made a mistake", hint="look at its log; the line is not affected")
                await self._answer(Request(scope), 500, problem)(scope, receive, send)
