"""HTTP methods: HEAD is answered like GET without a body, and 405 lists the methods of a path."""

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Head:
    """ASGI middleware that answers HEAD like GET, with the same headers and without the body.

    FastAPI adds no HEAD to routes of GET. Monitors and link checkers send it.
    """

    def __init__(self, app: ASGIApp):
        """Wraps `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, sending)


def allowed(app: FastAPI, scope: Scope) -> str:
    """Lists the methods of a path for the header Allow; those of the page where no route has it."""
    found = [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.routes)
    ] or ["GET"]
    return ", ".join(["HEAD", *found] if "GET" in found else found)
