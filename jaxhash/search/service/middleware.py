"""ASGI middleware: access and limits of each request, headers of each response, metrics."""

import asyncio
import logging
import time
from typing import NamedTuple

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jaxhash.data.images.decoder import MAX_PIXELS
from jaxhash.search.service.access import GUARDED, Access, Denied, check
from jaxhash.search.service.metrics import Metrics
from jaxhash.search.service.uploads import MAX_BYTES

LOG = logging.getLogger(__name__)
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
OVERHEAD = 64 * 1024  # bytes of a form besides its picture
DRAIN = 4  # a refused body is read and dropped up to this multiple of the limit


class Limits(NamedTuple):
    """Limits of a request, and of all together.

    max_bytes, max_pixels: of a picture. max_pending: requests in progress or waiting; more are
    answered with 429. max_seconds: for sending a request.
    """

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    max_pending: int = 64
    max_seconds: float = 30.0


class Guard:
    """ASGI middleware that checks access and limits, sets security headers, and counts requests."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics):
        """Wraps `app`."""
        self._app, self._access, self._limits, self._metrics = app, access, limits, metrics
        self._pending = 0
        metrics.watch("jaxhash_pending", "Requests in progress", lambda: self._pending)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500
        began = False

        async def sending(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        self._pending += 1
        try:
            denied = await check(Request(scope), self._access) or self._beyond_limits(scope)
            if denied is None:
                await self._app(scope, self._limited(receive), sending)
            else:
                await self._drain(receive)
                response = JSONResponse({"detail": denied.detail}, denied.status, denied.headers)
                await response(scope, receive, sending)
        except Exception:
            LOG.exception("%s %s failed", scope["method"], scope["path"])
            if not began:
                failure = JSONResponse({"detail": "the service failed; its log says why"}, 500)
                await failure(scope, receive, sending)
        finally:
            self._pending -= 1
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.answered(route, scope["method"], status, time.perf_counter() - start)

    def _beyond_limits(self, scope: Scope) -> Denied | None:
        """Checks the announced length, and the number of requests in progress with this one."""
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.max_bytes + OVERHEAD:
            return Denied(413, self._too_large())
        if scope["path"].startswith(GUARDED) and self._pending > self._limits.max_pending:
            return Denied(429, "too many requests at once: try again", {"retry-after": "1"})
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Wraps `receive`: a body that is too large or too slow raises HTTPException."""
        seen = 0
        deadline = time.monotonic() + self._limits.max_seconds
        complete = False

        async def receiving() -> Message:
            nonlocal seen, complete
            if complete:  # the next message is the disconnection, which has no deadline
                return await receive()
            try:
                async with asyncio.timeout(max(0, deadline - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the request came too slowly") from None
            seen += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if seen > self._limits.max_bytes + OVERHEAD:
                raise HTTPException(413, self._too_large())
            return message

        return receiving

    async def _drain(self, receive: Receive) -> None:
        """Reads and drops the body, up to a bound: browsers read no response before it is sent."""
        left = DRAIN * self._limits.max_bytes
        try:
            async with asyncio.timeout(self._limits.max_seconds):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return

    def _too_large(self) -> str:
        return f"the file is too large: at most {self._limits.max_bytes / 2**20:g} MB"
