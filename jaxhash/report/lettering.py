"""Text in figures, in any script: chooses fonts that have its characters, and breaks long names.

Names of classes and runs come from folders and tables. Matplotlib would parse what stands between
two $ as a formula, and draw a box for each character that its default font does not have.
"""

import functools
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Set

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.text import Text

INVISIBLE = ("Cc", "Cf", "Mn")  # control, format and combining characters
REGULAR = (400, 500, "normal", "regular", "book", "medium")
# Fonts for formulas map characters to other glyphs, and fonts of last resort have only boxes.
NOT_FOR_TEXT = ("cm", "STIXNonUnicode", "STIXSize", "Last Resort", "LastResort")


def fit(text: str, width: int, lines: int = 1) -> str:
    """Breaks a name into lines, with an ellipsis where it does not fit.

    Args:
      text: the name; its own line breaks become spaces.
      width: characters in a line; half as many where some are wide, as in Chinese.
      lines: how many at most.

    >>> fit("cat\\nand dog", 20), fit("a" * 300, 5), fit("golden retriever", 9, lines=2)
    ('cat and dog', 'aaaa…', 'golden\\nretriever')
    """
    text = _legible(text, fonts(text)[1])
    if any(unicodedata.east_asian_width(letter) in "WF" for letter in text):
        width //= 2
    found = textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)
    if len(found) > lines:
        found[lines - 1 :] = [f"{found[lines - 1][: width - 1]}…"]
    return "\n".join(found)


def choose_fonts(artist: Artist) -> None:
    """Sets fonts that have the characters of every text in a figure, and turns formulas off.

    Characters that no installed font has are replaced by their code points, such as U+732B.
    """
    texts = [text for text in artist.findobj(Text) if text.get_text()]
    families, missing = fonts("".join(text.get_text() for text in texts))
    for text in texts:
        text.set_parse_math(False)
        text.set_text(_legible(text.get_text(), missing))
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])


def fonts(text: str) -> tuple[list[str], frozenset[str]]:
    """Finds fonts for the characters that the default font does not have.

    Returns:
      families of fonts, the one with most of them first, and the characters that none has.

    >>> fonts("cat")
    ([], frozenset())
    """
    missing = _lacking(_default(), frozenset(text) - {"\n"})
    return _search(missing, tuple(_installed())) if missing else ([], missing)


@functools.lru_cache(maxsize=64)
def _search(
    missing: frozenset[str], installed: tuple[tuple[str, str], ...]
) -> tuple[list[str], frozenset[str]]:
    lacking = {family: _lacking(path, missing) for family, path in installed}
    families: list[str] = []
    while lacking:
        best = min(lacking, key=lambda family: (len(lacking[family] & missing), family))
        if missing <= lacking[best]:
            break
        missing &= lacking.pop(best)
        families.append(best)
    return families, missing


def _default() -> str:
    return font_manager.findfont(FontProperties())


def _installed() -> Iterable[tuple[str, str]]:
    """Lists installed families that have an upright font of regular weight, with its file."""
    regular = {
        entry.name
        for entry in fontManager.ttflist
        if entry.style == "normal" and entry.weight in REGULAR
    }
    for family in sorted(regular):
        if not family.startswith(NOT_FOR_TEXT):
            yield family, font_manager.findfont(FontProperties(family=[family]))


def _lacking(path: str, letters: frozenset[str]) -> frozenset[str]:
    """Returns the characters that a font does not have, or cannot draw, such as colour bitmaps."""
    try:
        font = font_manager.get_font(path)
        font.set_size(7, 110)
        known = {letter for letter in letters if font.get_char_index(ord(letter))}
        for letter in known:
            font.load_char(ord(letter))
    except (OSError, RuntimeError):
        return letters
    return letters - known


def _legible(text: str, missing: Set[str]) -> str:
    """Replaces characters that no font has by code points; drops invisible ones.

    >>> _legible("a猫狗\u200d", {"猫", "狗", "\u200d"})
    'a U+732B U+72D7'
    """
    words = []
    for letter in text:
        if letter not in missing:
            words.append(letter)
        elif unicodedata.category(letter) not in INVISIBLE:
            words.append(f" U+{ord(letter):04X} ")
    return re.sub(" +", " ", "".join(words)).strip(" ") if missing else text
