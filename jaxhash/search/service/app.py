"""The FastAPI application: the page, the routes, health and metrics, behind the middleware.

`jaxhash.search.service.server` runs it on a port.
"""

import contextlib
import logging
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles

from jaxhash.errors import UserError
from jaxhash.search.index.interface import Index
from jaxhash.search.service.access import SCHEMES, Access
from jaxhash.search.service.batching import Busy
from jaxhash.search.service.methods import Head, allowed
from jaxhash.search.service.metrics import Metrics
from jaxhash.search.service.middleware import Guard, Limits
from jaxhash.search.service.network import Network
from jaxhash.search.service.routes import router
from jaxhash.search.service.schemas import Health, Problem, problems
from jaxhash.search.service.searcher import Searcher
from jaxhash.search.service.thumbnails import NotShown, Pictures
from jaxhash.search.service.uploads import Refused

LOG = logging.getLogger(__name__)
PAGE = Path(__file__).parents[1] / "page"


def create_app(
    network: Network,
    index: Index,
    pictures: Pictures,
    *,
    access: Access = Access(),  # noqa: B008  a tuple: nothing can change it
    limits: Limits = Limits(),  # noqa: B008
) -> FastAPI:
    """Builds the application.

    Args:
      network: the one that the codes of the index come from.
      index: owned by the application from now on, and closed when it stops.
      pictures: of its items.
      access: who may send requests.
      limits: of requests.

    Raises:
      UserError: the index holds codes of another length than the network's.
    """
    if index.bits != network.bits:
        raise UserError(
            f"the index holds codes of {index.bits} bits, the network makes {network.bits}: index "
            "the pictures with this network"
        )
    metrics = Metrics()
    searcher = Searcher(network, index, pictures, limits, metrics)
    metrics.watch("jaxhash_images", "Images in the index", index.count)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI):
        async with searcher.run():
            yield

    app = FastAPI(
        title="jaxhash image search",
        description="Finds pictures that a trained network gives similar codes.",
        version="1",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to an address that is wrong behind a proxy
    )
    app.state.searcher = searcher
    app.add_middleware(Guard, access=access, limits=limits, metrics=metrics)
    app.add_middleware(Head)
    # The middleware checks the token, before it reads a body; here it is declared for OpenAPI.
    secured = [Depends(scheme) for scheme in SCHEMES] if access.token else []
    app.include_router(router, dependencies=secured)

    @app.get("/health", responses={503: {"model": Problem}})
    async def health() -> Health:
        """Reports that the service and its index respond."""
        await searcher.on_index(index.get, ["-"])
        return Health()

    @app.get(
        "/metrics", response_class=PlainTextResponse, dependencies=secured, responses=problems()
    )
    async def prometheus() -> str:
        """Returns the metrics in Prometheus' text format."""
        return await searcher.on_index(metrics.text)

    # Not mounted at "/": a mount would be tried before a route of the same path but another method.
    app.router.default = StaticFiles(directory=PAGE, html=True)
    _answer_failures(app)
    return app


def _answer_failures(app: FastAPI) -> None:
    """Gives every error response one form: {"detail": one line}."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.exception_handler(NotShown)
    async def not_shown(_: Request, error: NotShown) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> JSONResponse:
        detail = "too many requests at once: try again"
        return JSONResponse({"detail": detail}, 429, {"retry-after": "1"})

    @app.exception_handler(UserError)
    async def failed(_: Request, error: UserError) -> JSONResponse:
        LOG.error("%s", error)  # it may name paths of the server
        return JSONResponse({"detail": "the index does not answer; the log says why"}, 503)

    @app.exception_handler(405)
    async def wrong_method(request: Request, _: Exception) -> JSONResponse:
        headers = {"allow": allowed(app, request.scope)}
        detail = f"no such method here: expected {headers['allow']}"
        return JSONResponse({"detail": detail}, 405, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        lines = [
            f"{'.'.join(str(part) for part in wrong['loc'][1:])}: {wrong['msg']}"
            for wrong in error.errors()
        ]
        return JSONResponse({"detail": "; ".join(lines)}, 422)
