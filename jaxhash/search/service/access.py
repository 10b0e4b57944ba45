"""Who may use the service: a token, or browsers that show a page of this service itself."""

import hmac
from typing import NamedTuple

from fastapi import Request
from fastapi.security import HTTPBearer

BEARER = HTTPBearer(auto_error=False)
GUARDED = ("/api/", "/metrics")  # paths that need the token; the page asks the user for it


class Access(NamedTuple):
    """Who may use the service.

    token: what clients must send as `Authorization: Bearer ...`, or None. hosts: without a token,
    the host names that requests may name, or None for any; this refuses a web page from elsewhere
    that makes its own host name resolve to this machine (DNS rebinding).
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

    Without a token, the Host header must name this service, and a browser's Origin header must
    equal it. Starlette's TrustedHostMiddleware would answer 400, and not say what to do.
    """
    if access.token is None:
        return _check_host(request, access.hosts)
    # Not request.url: it is put together with the Host header, which is the client's.
    if not request.scope["path"].startswith(GUARDED):
        return None
    credentials = await BEARER(request)
    given = "" if credentials is None else credentials.credentials.strip()
    if hmac.compare_digest(given.encode(), access.token.encode()):
        return None
    return Denied(
        401, "a token is needed: Authorization: Bearer ...", {"www-authenticate": "Bearer"}
    )


def _check_host(request: Request, hosts: frozenset[str] | None) -> Denied | None:
    host = request.headers.get("host", "")
    if hosts is not None and name(host) not in hosts:
        return Denied(403, "unknown host: open the service under its own address")
    if request.headers.get("origin", f"//{host}").partition("//")[2] != host:
        return Denied(403, "requests from the pages of other sites are refused")
    return None


def name(host: str) -> str:
    """Returns the name in a Host header, without the port.

    >>> name("Localhost:8000"), name("[::1]:8000"), name("[::1]")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
