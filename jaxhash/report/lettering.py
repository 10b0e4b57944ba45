"""Texts in pictures, whatever their letters: fonts that have them, or else their numbers.

Names of classes and runs come from folders and tables. Matplotlib would read a $ in them as the
start of a formula, and draw a box for each letter that the chosen font does not have.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.text import Text

UNSEEN = ("Cc", "Cf", "Mn")  # control, format, and marks on other letters
USUAL_WEIGHTS = (400, 500, "normal", "regular", "book", "medium")
# Fonts of formulas map letters to other glyphs, and the last resort has a box for each.
NOT_FOR_TEXT = ("cm", "STIXNonUnicode", "STIXSize", "Last Resort", "LastResort")


def fit(text: str, width: int, lines: int = 1) -> str:
    """Breaks a name into lines; dots stand for what does not fit, spaces for its own line breaks.

    Args:
      text: the name.
      width: letters in a line; half as many where some are wide, as in Chinese.
      lines: how many at most.

    >>> fit("cat\\nand dog", 20), fit("a" * 300, 5), fit("golden retriever", 9, lines=2)
    ('cat and dog', 'aaaa…', 'golden\\nretriever')
    """
    if any(unicodedata.east_asian_width(letter) in "WF" for letter in text):
        width //= 2
    found = textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)
    if len(found) > lines:
        found[lines - 1 :] = [f"{found[lines - 1][: width - 1]}…"]
    return "\n".join(found)


def settle(artist: Artist) -> None:
    """Gives every text in a figure fonts that have its letters.

    No $ starts a formula. Letters that no installed font has are written as their number in
    Unicode, such as U+732B.
    """
    texts = [text for text in artist.findobj(Text) if text.get_text()]
    families, missing = fonts("".join(text.get_text() for text in texts))
    for text in texts:
        text.set_parse_math(False)
        text.set_text(_numbered(text.get_text(), missing))
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])


def fonts(text: str) -> tuple[list[str], set[str]]:
    """Finds fonts for the letters that the usual one does not have.

    Returns:
      families of fonts, the first having most of them, and the letters that none has.

    >>> fonts("cat"), fonts("\\ue000")[1] == {"\\ue000"}
    (([], set()), True)
    """
    missing = _lacking(_usual(), {letter for letter in text if letter != "\n"})
    families: list[str] = []
    if not missing:
        return families, missing
    lacking = {family: _lacking(path, missing) for family, path in _installed()}
    while lacking:
        best = min(lacking, key=lambda family: (len(lacking[family] & missing), family))
        if missing <= lacking[best]:
            break
        missing &= lacking.pop(best)
        families.append(best)
    return families, missing


def _usual() -> str:
    return font_manager.findfont(FontProperties())


def _installed() -> Iterable[tuple[str, str]]:
    """Lists installed families that have an upright font of usual weight, each with its file."""
    regular = {
        entry.name
        for entry in fontManager.ttflist
        if entry.style == "normal" and entry.weight in USUAL_WEIGHTS
    }
    for family in sorted(regular):
        if not family.startswith(NOT_FOR_TEXT):
            yield family, font_manager.findfont(FontProperties(family=[family]))


def _lacking(path: str, letters: set[str]) -> set[str]:
    """Returns the letters that a font does not have or cannot draw, such as pictures in colour."""
    try:
        font = font_manager.get_font(path)
        font.set_size(7, 110)
        known = {letter for letter in letters if font.get_char_index(ord(letter))}
        for letter in known:
            font.load_char(ord(letter))
    except (OSError, RuntimeError):
        return letters
    return letters - known


def _numbered(text: str, missing: set[str]) -> str:
    """Writes letters that no font has as numbers; those that are no letter at all vanish.

    >>> _numbered("a猫狗\u200d", {"猫", "狗", "\u200d"})
    'a U+732B U+72D7'
    """
    words = []
    for letter in text:
        if letter not in missing:
            words.append(letter)
        elif unicodedata.category(letter) not in UNSEEN:
            words.append(f" U+{ord(letter):04X} ")
    return re.sub(" +", " ", "".join(words)).strip(" ") if missing else text
