"""What the service says, as JSON."""

from typing import Any

from pydantic import BaseModel, Field

from jaxhash.search.index import interface


class Item(BaseModel):
    """One picture of the collection."""

    id: str
    code: str = Field(description="Its bits as hexadecimal digits, most significant first.")
    metadata: dict[str, str]

    @classmethod
    def of(cls, item: interface.Item) -> "Item":
        """Converts from the index."""
        return cls(
            id=item.id, code=item.code.tobytes().hex(), metadata=interface.shown(item.metadata)
        )


class Hit(Item):
    """A picture that was found."""

    distance: int = Field(description="How many bits differ from the query's code.")


class Found(BaseModel):
    """What a search found, nearest first; equal distances in the order of ids."""

    code: str = Field(description="The query's bits as hexadecimal digits.")
    hits: list[Hit]
    total: int = Field(description="How many there are; more than `hits` where a radius has many.")

    @classmethod
    def of(cls, code: bytes, hits: list[interface.Hit], most: int) -> "Found":
        """Converts from the index; keeps `most` hits."""
        shown = [
            Hit(distance=int(hit.distance), **Item.of(hit.item).model_dump()) for hit in hits[:most]
        ]
        return cls(code=code.hex(), hits=shown, total=len(hits))


class Page(BaseModel):
    """A part of the collection, in the order of ids."""

    items: list[Item]
    next: str | None = Field(description="What to give as `after` for more; null at the end.")


class About(BaseModel):
    """What this service is, and what it accepts."""

    model: str
    bits: int
    images: int
    attention: bool = Field(description="Whether the network can show where it looks.")
    metadata: dict[str, list[str]] = Field(description="Names of metadata, and some values.")
    max_bytes: int
    max_pixels: int
    max_hits: int


class Deleted(BaseModel):
    """How many items were deleted."""

    deleted: int


class Health(BaseModel):
    """The service answers."""

    status: str = "ok"


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="One line: what was wrong, and what was expected.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describes the refusals of a route for OpenAPI, with those that any route may give."""
    return {status: {"model": Problem} for status in (*statuses, 401, 403, 408, 413, 422, 429)}


PICTURES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture.", "content": {"image/png": {}, "image/jpeg": {}}}
}
