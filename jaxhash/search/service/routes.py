"""The routes of the HTTP interface, under /api/."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query
from fastapi.responses import Response
from PIL import Image
from pydantic import Json

from jaxhash.search.collection.catalog import UPLOADS, Collection
from jaxhash.search.collection.named import Named
from jaxhash.search.index.interface import (
    ID_LENGTH,
    OWN,
    PATH_LENGTH,
    Item,
    possible,
    shown,
)
from jaxhash.search.index.reranking import Ranked
from jaxhash.search.service import schemas
from jaxhash.search.service.duplicates import Duplicate, default_radius, described, find
from jaxhash.search.service.network import Encoded
from jaxhash.search.service.parameters import MAX_HITS, Id, Rerank, Upload, Wanted, Where, Work
from jaxhash.search.service.schemas import PICTURES, problems
from jaxhash.search.service.searcher import Query as Asked
from jaxhash.search.service.searcher import Searcher
from jaxhash.search.service.thumbnails import encoded as as_file

LOOKS, SAMPLE = 50, 20  # `about` reads metadata at 50 places of the index, 20 items at each
LAST = "\U0010ffff"  # sorts after all names of files
NO_SUCH = "there is no picture of this id"
GROUPS, GROUP = 100, 100  # near-duplicates: groups that are shown, and pictures of a group
NAMES = 16  # names in the metadata of an added picture

router = APIRouter(prefix="/api")


@router.get("/about", responses=problems())
async def about(work: Work) -> schemas.About:
    """Describes the network, the index, and the limits of this service."""
    count = await work.on_index(work.index.count)
    found = await work.on_index(_sample, work.index)
    return schemas.About(
        model=work.index.model,
        bits=work.index.bits,
        images=count,
        collections=await work.on_index(lambda: [*work.index.collections()]),
        attention=bool(work.network.nodes),
        features=await work.on_index(work.index.keeps_features),
        metadata={name: sorted(values)[:LOOKS] for name, values in sorted(found.items())},
        max_bytes=work.limits.max_bytes,
        max_pixels=work.limits.max_pixels,
        max_hits=MAX_HITS,
    )


@router.post("/search", responses=problems(400, 415))
async def search(image: Upload, work: Work, asked: Wanted, rerank: Rerank = None) -> schemas.Found:
    """Finds pictures similar to an uploaded one."""
    encoded = await work.encode(await work.decode(image.file))
    return await _find(work, asked, encoded, rerank)


@router.get("/similar", responses=problems(400, 404))
async def similar(id: Id, work: Work, asked: Wanted, rerank: Rerank = None) -> schemas.Found:
    """Finds pictures similar to one of the collection, which is among the hits."""
    item = await _item(work, id)
    (features,) = await work.on_index(work.index.features, [id]) if rerank else [None]
    return await _find(work, asked, Encoded(item.code, features), rerank)


@router.get("/items", responses=problems())
async def browse(
    work: Work,
    where: Where,
    after: Annotated[str, Query(max_length=ID_LENGTH)] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_HITS)] = 60,
) -> schemas.Page:
    """Lists the collection in the order of ids, one page at a time."""
    items = await work.on_index(work.index.items, after, limit + 1, where or None)
    shown = [schemas.Item.of(item) for item in items[:limit]]
    return schemas.Page(items=shown, next=shown[-1].id if len(items) > limit else None)


@router.get("/duplicates", responses=problems())
async def duplicates(
    work: Work,
    radius: Annotated[
        int | None, Query(ge=0, le=4096, description="Default: an eighth of all bits.")
    ] = None,
    collection: Annotated[str | None, Query(description="Only in this collection.")] = None,
) -> schemas.Duplicates:
    """Finds groups of near-duplicates; takes seconds among ten thousand pictures."""
    radius = default_radius(work.index.bits) if radius is None else radius
    groups = await work.on_groups(find, work.index, radius, collection)

    def describe() -> list[list[Duplicate]]:
        return [described(work.index, work.pictures, ids[:GROUP]) for ids in groups[:GROUPS]]

    shown = await work.on_pictures(describe)
    return schemas.Duplicates.of(shown, radius, len(groups))


@router.post("/items", status_code=201, responses=problems(400, 415))
async def add(
    image: Upload,
    work: Work,
    id: Annotated[
        str | None,
        Form(
            min_length=1,
            max_length=PATH_LENGTH,
            description="Its path in the collection `uploads`. Default: derived from the content.",
        ),
    ] = None,
    metadata: Annotated[
        Json[dict[str, str]] | None,
        Form(max_length=4096, description="A JSON object whose values are strings."),
    ] = None,
) -> schemas.Item:
    """Adds a picture to the collection `uploads`, or replaces the one of this id there."""
    metadata = metadata or {}
    if len(metadata) > NAMES or not all(name and not name.startswith(OWN) for name in metadata):
        raise HTTPException(422, f"metadata: expected at most {NAMES} names, none with {OWN} first")
    picture = await work.read(image.file)
    if id is None:
        id = f"added-{hashlib.sha256(picture.tobytes()).hexdigest()[:16]}"
    path = id.removeprefix(f"{UPLOADS}/")
    if not possible(path):
        raise HTTPException(422, "id: expected text without null characters")
    encoded = await work.encode(await work.decode(image.file))

    def keep() -> Item:
        work.pictures.add(path, picture)
        return work.index.add(path, encoded.code, metadata, encoded.features)

    return schemas.Item.of(await work.change(keep))


@router.get("/item", responses=problems(404))
async def item(id: Id, work: Work) -> schemas.Item:
    """Describes one picture of the collection."""
    return schemas.Item.of(await _item(work, id))


@router.delete("/item", responses=problems(404))
async def delete(id: Id, work: Work) -> schemas.Deleted:
    """Deletes a picture from the index; a file of an indexed folder is not deleted."""

    def forget() -> bool:
        place = work.index.delete(id)
        if place is not None and place[0].name in (UPLOADS, ""):
            work.pictures.delete(place[1])
        return place is not None

    if not await work.change(forget):
        raise HTTPException(404, NO_SUCH)
    return schemas.Deleted(deleted=1)


@router.get("/picture", response_class=Response, responses={**PICTURES, **problems(404)})
async def picture(
    id: Id, work: Work, side: Annotated[int, Query(ge=16, le=1024)] = 256
) -> Response:
    """Returns a picture of the collection, reduced to fit a square of `side` pixels."""
    place = await _place(work, id)
    data, kind = await work.on_pictures(work.pictures.thumbnail, *place, side)
    return Response(data, media_type=kind, headers={"cache-control": "private, max-age=300"})


@router.post(
    "/attention", response_class=Response, responses={**PICTURES, **problems(400, 404, 415)}
)
async def attention(image: Upload, work: Work) -> Response:
    """Returns the attention map of an uploaded picture: a PNG to be laid over it."""
    _check_attention(work)
    return await _overlay(work, await work.read(image.file))


@router.get("/attention", response_class=Response, responses={**PICTURES, **problems(404)})
async def attention_of(id: Id, work: Work) -> Response:
    """Returns the attention map of a picture of the collection: a PNG to be laid over it."""
    _check_attention(work)
    return await _overlay(work, await work.on_pictures(work.pictures.read, *await _place(work, id)))


def _check_attention(work: Searcher) -> None:
    if not work.network.nodes:
        raise HTTPException(404, "this network has no attention maps")


async def _place(work: Searcher, id: str) -> tuple[Collection, str]:
    place = await work.on_index(work.index.locate, id)
    if place is None:
        raise HTTPException(404, NO_SUCH)
    return place


def _sample(index: Named) -> dict[str, set[str]]:
    """Reads some metadata; of ids that are paths, from each of the first folders."""
    found: dict[str, set[str]] = {}
    after = ""
    for _ in range(LOOKS):
        items = index.items(after, SAMPLE)
        for item in items:
            for name, value in shown(item.metadata).items():
                found.setdefault(name, set()).add(value)
        if len(items) < SAMPLE:
            break
        folder, slash, _ = items[-1].id.partition("/")
        after = f"{folder}/{LAST}" if slash else items[-1].id
    return found


async def _overlay(work: Searcher, picture: Image.Image) -> Response:
    overlay = await work.overlay(picture)
    data, kind = await work.on_pictures(as_file, overlay)
    return Response(data, media_type=kind)


async def _find(
    work: Searcher, asked: Callable[[bytes], Asked], of: Encoded, among: int | None
) -> schemas.Found:
    query = asked(of.code.tobytes())
    if among is None:
        found = [Ranked(None, hit) for hit in await work.find(query)]
        return schemas.Found.of(query.code, found, MAX_HITS)
    if of.features is None:
        raise HTTPException(400, "rerank: the query has no features; index again with --features")
    rank = partial(
        work.index.rerank,
        among=max(among, query.k),
        radius=query.radius,
        where=dict(query.where) or None,
    )
    found = await work.on_index(rank, of.code, of.features)
    shown = found[: query.k] if query.radius is None else found
    return schemas.Found.of(query.code, shown, MAX_HITS)


async def _item(work: Searcher, id: str) -> Item:
    (found,) = await work.on_index(work.index.get, [id])
    if found is None:
        raise HTTPException(404, NO_SUCH)
    return found
