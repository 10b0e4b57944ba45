"""Who may use the service: a token, or browsers that show a page of this service itself."""

import hmac
from typing import NamedTuple

from fastapi import Request
from fastapi.security import APIKeyHeader, HTTPBearer

HEADER = "X-Jaxhash-Token"
BEARER = HTTPBearer(auto_error=False)
# A proxy that asks for a password takes the header Authorization for itself.
SCHEMES = (BEARER, APIKeyHeader(name=HEADER, auto_error=False))
GUARDED = ("/api/", "/metrics")  # what is protected; the page itself is not, it asks for the token
SHOWN = 100  # characters of a Host that is refused


class Access(NamedTuple):
    """Who may use the service.

    token: what clients must send as `Authorization: Bearer ...` or `X-Jaxhash-Token: ...`, or None.
    hosts: without a token, the host names that requests may name, or None for any; this refuses a
    web page from elsewhere that makes its own host name resolve to this machine (DNS rebinding).
    """

    token: str | None = None
    hosts: frozenset[str] | None = None


class Denied(NamedTuple):
    """A request that is refused: the status of the response, one line, and headers."""

    status: int
    detail: str
    headers: dict[str, str] | None = None


async def check(request: Request, access: Access) -> Denied | None:
    """Checks the headers of a request, before its body is read; returns None if it may go on.

    Without a token, the Host header must name this service. For `GUARDED` paths a browser's Origin
    header must equal it, unless the browser says that the page is of the same origin: behind a
    proxy that changes Host the two differ. Browsers say so over https, and let no page say it
    falsely. Starlette's TrustedHostMiddleware would answer 400, and not say what to do.
    """
    if access.token is None:
        return _check_host(request, access.hosts)
    # Not request.url: it is put together with the Host header, which is the client's.
    if not request.scope["path"].startswith(GUARDED):
        return None
    credentials = await BEARER(request)
    given = (
        "" if credentials is None else credentials.credentials,
        request.headers.get(HEADER, ""),
    )
    if any(hmac.compare_digest(one.strip().encode(), access.token.encode()) for one in given):
        return None
    return Denied(
        401,
        f"a token is needed: Authorization: Bearer ... or {HEADER}: ...",
        {"www-authenticate": "Bearer"},
    )


def _check_host(request: Request, hosts: frozenset[str] | None) -> Denied | None:
    host = request.headers.get("host", "")
    if hosts is not None and name(host) not in hosts:
        return Denied(
            403,
            f"unknown host {host[:SHOWN]!r}: open the service under the address that it prints; "
            "behind a reverse proxy start it with --token=..., or have the proxy send the Host "
            "that the service listens on",
        )
    # Browsers send Origin with scripts too; the page is to load, and to show why it is refused.
    guarded = request.scope["path"].startswith(GUARDED)
    origin = request.headers.get("origin", f"//{host}").partition("//")[2]
    if guarded and origin != host and request.headers.get("sec-fetch-site") != "same-origin":
        return Denied(
            403,
            "requests from the pages of other sites are refused; if this is the page of the "
            "service behind a reverse proxy, start the service with --token=..., or use https",
        )
    return None


def name(host: str) -> str:
    """Returns the name in a Host header, without the port.

    >>> name("Localhost:8000"), name("[::1]:8000"), name("[::1]")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
