"""Parameters that several routes share, parsed by FastAPI."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, File, HTTPException, Query, Request, UploadFile

from jaxhash.data.images import decoder
from jaxhash.search.collection.catalog import COLLECTION
from jaxhash.search.index.interface import ID_LENGTH
from jaxhash.search.service.searcher import Query as Asked
from jaxhash.search.service.searcher import Searcher

MAX_HITS = 1000


def searcher(request: Request) -> Searcher:
    """Returns the searcher of the application."""
    return request.app.state.searcher


def filters(
    where: Annotated[
        list[str], Query(description="name=value of metadata; of several, all must hold.")
    ] = [],  # noqa: B006  FastAPI copies it
    collection: Annotated[str | None, Query(description="Only of this collection.")] = None,
) -> dict[str, str]:
    """Parses the parameters `where` and `collection`."""
    pairs = [pair.partition("=") for pair in where]
    if not all(name and equals for name, equals, _ in pairs):
        raise HTTPException(422, "where: expected name=value")
    own = {} if collection is None else {COLLECTION: collection}
    return {name: value for name, _, value in pairs} | own


Rerank = Annotated[
    int | None,
    Query(
        ge=1,
        le=MAX_HITS,
        description="Put this many, the nearest by code, in order by their features.",
    ),
]
Work = Annotated[Searcher, Depends(searcher)]
Where = Annotated[dict[str, str], Depends(filters)]
Id = Annotated[str, Query(min_length=1, max_length=ID_LENGTH)]
Upload = Annotated[UploadFile, File(description=f"A picture: {decoder.names()}.")]


def wanted(
    work: Work,
    where: Where,
    k: Annotated[int, Query(ge=1, le=MAX_HITS, description="Number of hits, the nearest.")] = 20,
    radius: Annotated[
        int | None, Query(ge=0, le=4096, description="Instead of k: all within this many bits.")
    ] = None,
) -> Callable[[bytes], Asked]:
    """Parses the parameters of a search; returns a function from a code to the query."""
    if radius is not None:
        k, radius = MAX_HITS, min(radius, work.index.bits)
    return lambda code: Asked(code, k, radius, tuple(sorted(where.items())))


Wanted = Annotated[Callable[[bytes], Asked], Depends(wanted)]
