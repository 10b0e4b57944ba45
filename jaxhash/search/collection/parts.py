"""A share of a collection, for one of many jobs that encode it together."""

import hashlib
import re
from typing import NamedTuple

from jaxhash.errors import UserError


class Part(NamedTuple):
    """The paths that belong to part `number`, from 1, of `parts`; the same at every call."""

    number: int
    parts: int

    @classmethod
    def read(cls, text: str) -> "Part":
        """Reads `number/parts`.

        Raises:
          UserError: it is something else, or there is no such part.

        >>> Part.read("3/64")
        Part(number=3, parts=64)
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        part = cls(*map(int, found.groups())) if found else cls(0, 0)
        if not 1 <= part.number <= part.parts:
            raise UserError(f"--part={text}: expected a part of all, as in 3/64: 1/64 to 64/64")
        return part

    def has(self, path: str) -> bool:
        """Says whether a path belongs to this part: by a hash of it, so that others may come.

        >>> [[number for number in (1, 2) if Part(number, 2).has(path)] for path in "abcd"]
        [[1], [1], [1], [2]]
        """
        if self.parts == 1:
            return True
        digest = hashlib.sha256(path.encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.parts == self.number - 1


WHOLE = Part(1, 1)
