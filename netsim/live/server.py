"""The live page's server: on the loopback interface only, for whoever has the token that stands in its address.

It runs in a thread with an event loop of its own. Each viewer is told by server-sent events what has changed since it
was told last; while its socket takes no more it is not told anything, and nothing is kept for it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from netsim.live.board import Board
from netsim.live.wishes import Answer, CutOff, Heal, Kill

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from netsim.engine.steering import Wish

_TOLD_EVERY_S = 0.2  # each viewer, on the wall
_MOST_VIEWERS = 16
_LARGEST_WISH = 4096  # bytes
_FAREWELL_S = 3.0  # so long those who look may take to fetch the report when the run is over
_DEAF_S = 1.0  # a viewer that takes nothing for so long does not listen
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Wished(msgspec.Struct):
    """What a button asks for: `kind` is cut, kill or heal; `what` a city's name, a node's, or a fault's number."""

    kind: str
    what: str | int


class Server:
    """Serves one run at its `address`, from `open` to `close`. Raises OSError without a free port."""

    def __init__(self, board: Board, page: str, wish: Callable[[Wish], None]) -> None:
        self._board = board
        self._page = page
        self._wish = wish
        self.report: Path | None = None  # when there is one
        self._viewers: dict[object, float] = {}  # when each was told last, on the wall
        self._token = secrets.token_urlsafe(24)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()  # so that who knows the address need not be refused until it is served
        self._port: int = self._socket.getsockname()[1]
        self._closing = threading.Event()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/{self._token}/"

    def open(self) -> None:
        """Begin to serve."""
        import uvicorn

        config = uvicorn.Config(
            self._guarded(self._app()),
            lifespan="off",
            log_config=None,
            log_level="critical",  # what a browser does is none of the terminal's business
            access_log=False,
            ws="none",
            http="h11",
            loop="asyncio",
            server_header=False,
            limit_concurrency=4 * _MOST_VIEWERS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="netsim live", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Let those who look fetch the report, for a moment, and stop."""
        deadline = time.monotonic() + _FAREWELL_S
        while self._attentive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._closing.set()
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_FAREWELL_S)
        self._socket.close()

    def _attentive(self) -> bool:
        """Whether anybody still listens. Who takes nothing any more is not waited for."""
        return any(time.monotonic() - told < _DEAF_S for told in list(self._viewers.values()))

    # --- what is served -------------------------------------------------------------------------------------------

    def _app(self) -> ASGIApp:
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(
            routes=[
                Route("/", self._show, methods=["GET"]),
                Route("/events", self._tell, methods=["GET"]),
                Route("/report", self._show_report, methods=["GET"]),
                Route("/wish", self._take, methods=["POST"]),
            ]
        )

    async def _show(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(self._page, headers=_HEADERS)

    async def _show_report(self, request: Request) -> Response:
        from starlette.responses import FileResponse, PlainTextResponse

        if self.report is None or not self.report.is_file():
            return PlainTextResponse("there is no report yet", 404, _HEADERS)
        return FileResponse(self.report, media_type="text/html; charset=utf-8", headers=_HEADERS)

    async def _tell(self, request: Request) -> Response:
        from starlette.responses import PlainTextResponse, StreamingResponse

        if len(self._viewers) >= _MOST_VIEWERS:
            return PlainTextResponse("too many look at this run", 503, _HEADERS)
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=_HEADERS)

    async def _events(self) -> AsyncIterator[bytes]:
        """What has changed, again and again. Who has been told of the end hangs up when it has the report."""
        viewer = object()
        version = 0
        try:
            while not self._closing.is_set():
                self._viewers[viewer] = time.monotonic()
                version, told = self._board.since(version)
                over = told["phase"] == "over"
                yield b"data: " + msgspec.json.encode(told) + b"\n\n"
                while over and not self._closing.is_set():
                    self._viewers[viewer] = time.monotonic()
                    await asyncio.sleep(_TOLD_EVERY_S)
                await asyncio.sleep(_TOLD_EVERY_S)
        finally:
            self._viewers.pop(viewer, None)

    async def _take(self, request: Request) -> Response:
        from starlette.responses import JSONResponse

        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_WISH:
                return JSONResponse({"refused": "that is too long"}, 413, _HEADERS)
        try:
            wish = _read(msgspec.json.decode(body, type=_Wished), self._board.answer)
        except ValueError as error:  # msgspec's are, too
            return JSONResponse({"refused": str(error)}, 400, _HEADERS)
        if self._board.phase not in ("starting", "running"):
            return JSONResponse({"refused": "the run is over"}, 409, _HEADERS)
        self._wish(wish)
        return JSONResponse({"taken": wish.says}, 202, _HEADERS)

    # --- who may ask ----------------------------------------------------------------------------------------------

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        """403 for whoever does not know the token, and for pages of other servers that a browser is told to ask as.

        A name that is made to point here (DNS rebinding) stands in the Host header, a foreign page in Origin.
        """
        from starlette.responses import PlainTextResponse

        hosts = {f"127.0.0.1:{self._port}", f"localhost:{self._port}"}
        origins = {None, *(f"http://{host}" for host in hosts)}

        async def guard(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            _, token, rest = (*scope["path"].split("/", 2), "", "")[:3]
            known = secrets.compare_digest(token.encode(), self._token.encode())
            answer: Callable[[Scope, Receive, Send], Awaitable[None]] = app
            if not known or headers.get("host") not in hosts or headers.get("origin") not in origins:
                answer = PlainTextResponse("this address is not known here", 403, _HEADERS)
            await answer({**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}, receive, send)

        return guard


def _read(wished: _Wished, answer: Answer) -> CutOff | Kill | Heal:
    """Raises ValueError."""
    match wished:
        case _Wished("cut", str(site)):
            return CutOff(answer, site)
        case _Wished("kill", str(node)):
            return Kill(answer, node)
        case _Wished("heal", int(fault)):
            return Heal(answer, fault)
    raise ValueError("there are cut (a city), kill (a node) and heal (a fault)")
