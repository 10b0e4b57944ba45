"""The one reader of text files that people write: lists, labels and tables."""

import codecs
from pathlib import Path

from jaxhash.errors import UserError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: Path, kind: str = "text") -> str:
    """Reads a file in UTF-8, or in UTF-16 with a byte-order mark.

    Args:
      path: of the file.
      kind: what it is expected to be, for messages.

    Raises:
      UserError: it cannot be read, or is in another encoding; with the line, where there is one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if content.startswith(UTF_16):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: not {kind} in UTF-8 or UTF-16 ({error.reason}); save it as UTF-8"
            ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} line {line}: not {kind} in UTF-8 (byte 0x{content[error.start]:02x}); save it "
            "as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(
            f"{path} line {line}: not {kind} in UTF-8 (it holds null characters); save it as UTF-8"
        )
    return text


def lines(path: Path) -> list[tuple[int, str]]:
    """Reads the lines of a file that are not blank, numbered from 1, without blanks at their ends.

    Raises:
      UserError: as `read`.
    """
    # Not str.splitlines, which splits at characters that a file's name may have.
    numbered = enumerate(read(path).split("\n"), 1)
    return [(number, line.strip()) for number, line in numbered if line.strip()]
