"""Schemas of the responses, as JSON."""

from typing import Any

from pydantic import BaseModel, Field

from jaxhash.search.index import interface
from jaxhash.search.index.reranking import Ranked
from jaxhash.search.service import duplicates


class Item(BaseModel):
    """One picture of the collection."""

    id: str
    code: str = Field(description="Its bits as hexadecimal digits, most significant first.")
    metadata: dict[str, str]

    @classmethod
    def of(cls, item: interface.Item) -> "Item":
        """Converts an item of the index."""
        return cls(
            id=item.id, code=item.code.tobytes().hex(), metadata=interface.shown(item.metadata)
        )


class Hit(Item):
    """An item that a search found."""

    distance: int = Field(description="How many bits differ from the query's code.")
    similarity: float | None = Field(
        default=None, description="With rerank: the cosine of its features and the query's."
    )


class Found(BaseModel):
    """The result of a search: hits in the order of distance, and of id among equal distances.

    With rerank they are in the order of similarity, and those without features come last.
    """

    code: str = Field(description="The query's bits as hexadecimal digits.")
    hits: list[Hit]
    total: int = Field(description="Number of all hits; `hits` holds no more than 1000 of them.")

    @classmethod
    def of(cls, code: bytes, hits: list[Ranked], most: int) -> "Found":
        """Converts hits of the index, of which the first `most` are kept."""
        shown = [
            Hit(
                distance=int(hit.distance),
                similarity=similarity,
                **Item.of(hit.item).model_dump(),
            )
            for similarity, hit in hits[:most]
        ]
        return cls(code=code.hex(), hits=shown, total=len(hits))


class Duplicate(BaseModel):
    """A picture of a group of near-duplicates; the numbers are null where its file is not known."""

    id: str
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    same: bool = Field(description="Whether another file of the group has the same bytes.")


class Duplicates(BaseModel):
    """Groups of near-duplicates, in the order of their first pictures."""

    radius: int = Field(description="How many bits two of them differ in at most.")
    groups: list[list[Duplicate]]
    total: int = Field(description="Number of all groups; `groups` holds no more than 100 of them.")

    @classmethod
    def of(cls, groups: list[list[duplicates.Duplicate]], radius: int, total: int) -> "Duplicates":
        """Converts groups of an index, of which there are `total`."""
        shown = [
            [
                Duplicate(id=id, same=same, **(facts._asdict() if facts else {}))
                for id, facts, same in group
            ]
            for group in groups
        ]
        return cls(radius=radius, groups=shown, total=total)


class Page(BaseModel):
    """A part of the collection, in the order of ids."""

    items: list[Item]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class About(BaseModel):
    """The network, the index, and the limits of this service."""

    model: str
    bits: int
    images: int
    collections: list[str] = Field(description="Names, in order.")
    attention: bool = Field(description="Whether the network has attention maps.")
    features: bool = Field(description="Whether the index keeps features, for rerank.")
    metadata: dict[str, list[str]] = Field(description="Names of metadata, and some values.")
    max_bytes: int
    max_pixels: int
    max_hits: int


class Deleted(BaseModel):
    """The number of items deleted."""

    deleted: int


class Health(BaseModel):
    """The service responds."""

    status: str = "ok"


class Problem(BaseModel):
    """The reason why a request was refused."""

    detail: str = Field(description="One line: what was wrong, and what was expected.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describes the error responses of a route for OpenAPI, and those that every route may give."""
    return {status: {"model": Problem} for status in (*statuses, 401, 403, 408, 413, 422, 429)}


PICTURES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture.", "content": {"image/png": {}, "image/jpeg": {}}}
}
