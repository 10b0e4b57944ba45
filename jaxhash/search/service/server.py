"""Runs the service on a port until it is stopped."""

import contextlib
import ipaddress
import socket

import uvicorn

from jaxhash.encoders.encoder import ImageEncoder
from jaxhash.errors import UserError
from jaxhash.search.index.interface import Index
from jaxhash.search.service.access import Access
from jaxhash.search.service.app import create_app
from jaxhash.search.service.middleware import Limits
from jaxhash.search.service.network import Network
from jaxhash.search.service.thumbnails import Pictures

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
GRACE_SECONDS = 10


def serve(
    encoder: ImageEncoder,
    index: Index,
    pictures: Pictures,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a tuple: nothing can change it
) -> None:
    """Serves until SIGINT or SIGTERM; requests in progress are completed first.

    Args:
      encoder: the network that the codes of the index come from.
      index: owned by the service from now on, and closed at the end.
      pictures: of its items.
      host: address to listen on.
      port: 0 takes a free one.
      token: that clients must send; required where other machines can connect.
      limits: of requests.

    Raises:
      UserError: the address is not available, or other machines can connect and there is no token.
    """
    access = check_access(host, token)
    app = create_app(Network(encoder), index, pictures, access=access, limits=limits)
    with _listen(host, port) as listening:
        name, number = listening.getsockname()[:2]
        shown = f"[{name}]" if ":" in name else name
        print(f"search at http://{shown}:{number}/ (Ctrl-C stops)", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn shuts down, then raises it
            uvicorn.Server(config).run([listening])


def check_access(host: str, token: str | None) -> Access:
    """Decides who may use a service that listens on `host`.

    Raises:
      UserError: other machines can connect, and there is no token; or it is empty.

    >>> check_access("127.0.0.1", None).token is None, check_access("0.0.0.0", "s3cret").token
    (True, 's3cret')
    """
    if token is not None and not token.strip():
        raise UserError("the token is empty: give a long random one")
    if token is None and not _is_loopback(host):
        raise UserError(
            f"host {host}: other machines can connect, so a token is needed; give one, or listen "
            "on 127.0.0.1"
        )
    return Access(token, None if token else LOOPBACK | {host})


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen on {host}:{port} ({error}): give another host or port"
        ) from None
