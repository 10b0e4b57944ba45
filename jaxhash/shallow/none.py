"""No shallow method: the hash layer is trained."""


def build() -> None:
    """Returns None."""
