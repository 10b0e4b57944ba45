"""Silences what decoders print of odd files, which are read all the same or refused with a reason.

An index of many pictures would otherwise bury its own messages under hundreds of such lines.
"""

import contextlib
import ctypes
import functools
import warnings

from PIL import Image

QUIET = r"(PIL|pillow_heif)\b"  # modules whose warnings are silenced
HANDLERS = ("TIFFSetWarningHandler", "TIFFSetErrorHandler")


def silence() -> None:
    """Silences the warnings of Pillow and pillow-heif, and of libtiff, in this process from now on.

    `warnings.catch_warnings` would end with the picture, but is not safe where threads decode.
    """
    if not any(getattr(entry[3], "pattern", None) == QUIET for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=QUIET)
    _silence_libtiff()


@functools.cache
def _silence_libtiff() -> None:
    """Takes libtiff's handlers of messages away: its default ones print on file descriptor 2.

    Pillow offers no way to do so. Its extension module is linked with libtiff, so the functions are
    found through it; where they are not, as in a statically linked Pillow, nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(Image.core.__file__)
        for name in HANDLERS:
            getattr(library, name)(None)
