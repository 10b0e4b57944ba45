"""For the reference: examples in docstrings are code, not quotations of quotations."""

import re

import griffe

EXAMPLE = re.compile(r"(?m)^>>> .*(?:\n.+)*")


class Doctests(griffe.Extension):
    """Puts a fence around each example of a docstring: from `>>>` to the next empty line."""

    def on_object(self, *, obj: griffe.Object, **_) -> None:
        """Changes the docstring of one object."""
        if obj.docstring:
            value = EXAMPLE.sub(lambda match: f"```pycon\n{match[0]}\n```", obj.docstring.value)
            obj.docstring.value = value
