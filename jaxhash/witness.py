"""A line on stderr for a process that dies without a word of its own."""

import subprocess

# Reads lines until the process is gone, however it went, and says the last one it was given.
SCRIPT = """
trap '' INT TERM HUP
while IFS= read -r line; do words=$line; done
[ -z "$words" ] || printf '%s\\n' "$words" >&2
"""


class Witness:
    """A small shell beside this process, that speaks when it is killed or aborts.

    Libraries below Python end a process from threads of their own, with nothing that Python could
    catch; and nobody can catch SIGKILL.
    """

    def __init__(self):
        """Starts the shell; as long as it was told nothing it will say nothing."""
        self._shell = subprocess.Popen(["sh", "-c", SCRIPT], stdin=subprocess.PIPE, text=True)

    def tell(self, words: str) -> None:
        """Sets what is to be said, one line, from now on; an empty one: nothing."""
        self._shell.stdin.write(words + "\n")
        self._shell.stdin.flush()

    def dismiss(self) -> None:
        """Lets the shell end without a word."""
        self.tell("")
        self._shell.stdin.close()
        self._shell.wait()
