"""What every request passes before the service sees it, and every answer on its way out."""

import asyncio
import hmac
import logging
import time
from typing import NamedTuple

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jaxhash.search.service.metrics import Meters
from jaxhash.search.service.uploads import MAX_BYTES, MAX_PIXELS

LOG = logging.getLogger(__name__)
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
OVERHEAD = 64 * 1024  # bytes of a form besides its picture
DRAIN = 4  # times the limit: how much of too large a body is read and dropped before the answer


class Limits(NamedTuple):
    """What one client may ask, and what all together may.

    max_bytes, max_pixels: of a picture. max_pending: requests that are worked on or wait; beyond,
    clients are told to come back. max_seconds: for sending a request.
    """

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    max_pending: int = 64
    max_seconds: float = 30.0


class Access(NamedTuple):
    """Who may ask.

    token: what clients must send as `Authorization: Bearer ...`, or None. hosts: without a token,
    the names under which the service answers, or None for any; a web page elsewhere that has its
    own name lead here (DNS rebinding) is refused by it.
    """

    token: str | None = None
    hosts: frozenset[str] | None = None


class Guard:
    """Checks access and limits, sets security headers, counts: ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, meters: Meters):
        """Stands before `app`."""
        self._app, self._access, self._limits, self._meters = app, access, limits, meters
        self._pending = 0
        meters.watch("jaxhash_pending", "Requests in progress", lambda: self._pending)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
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

        refusal = self._refusal(scope)
        self._pending += 1
        try:
            if refusal is None:
                await self._app(scope, self._limited(receive), sending)
            else:
                await self._drain(receive)
                await refusal(scope, receive, sending)
        except Exception:
            LOG.exception("%s %s failed", scope["method"], scope["path"])
            if not began:
                failure = JSONResponse({"detail": "the service failed; its log says why"}, 500)
                await failure(scope, receive, sending)
        finally:
            self._pending -= 1
            route = getattr(scope.get("route"), "path", "other")
            self._meters.answered(route, scope["method"], status, time.perf_counter() - start)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        """Returns what to answer where the request goes no further."""
        headers = Headers(scope=scope)
        token, hosts = self._access
        guarded = scope["path"].startswith(("/api/", "/metrics"))
        if token is None:
            host = headers.get("host", "")
            if hosts is not None and _name(host) not in hosts:
                return _refused(403, "unknown host: open the service under its own address")
            if headers.get("origin", f"//{host}").partition("//")[2] != host:
                return _refused(403, "requests from the pages of other sites are refused")
        elif guarded and not _bears(headers.get("authorization", ""), token):
            return _refused(
                401, "a token is needed: Authorization: Bearer ...", {"www-authenticate": "Bearer"}
            )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.max_bytes + OVERHEAD:
            return _refused(413, self._too_large())
        if guarded and self._pending >= self._limits.max_pending:
            return _refused(429, "too many requests at once: try again", {"retry-after": "1"})
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Wraps `receive`: a body that is too large, or comes too slowly, ends in an error."""
        seen = 0
        deadline = time.monotonic() + self._limits.max_seconds
        complete = False

        async def receiving() -> Message:
            nonlocal seen, complete
            if complete:  # what comes now is the end of the connection, whenever that is
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
        """Drops the body, up to a bound: a browser that cannot finish sending reads no answer."""
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


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": message}, status, headers)


def _bears(header: str, token: str) -> bool:
    kind, _, given = header.partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _name(host: str) -> str:
    """Cuts the port from a Host header.

    >>> _name("localhost:8000"), _name("[::1]:8000"), _name("[::1]")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
