"""Kills `index` and `serve` at random moments, while pictures come, go, move and change.

  python -m tests.search.kills EMPTY_FOLDER 1000 0

kills a thousand times, with the random numbers of seed 0. Ends with an error where an acknowledged
write is lost, an acknowledged deletion is not, a code is wrong, or a process is left.
"""

import contextlib
import http.client
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import time
import uuid
from pathlib import Path

from jaxhash.errors import UserError
from tests.search import small
from tests.search.test_collections import stored

LIBRARY = "library"  # the collection of the folder
# Imported once, in the process that all others are forked from.
PRELOADED = ["jaxhash.search.__main__", "jaxhash.search.commands.index", "tests.search.small"]


def command(arguments):
    """Runs a command in this process, which is one to be killed."""
    from jaxhash.search.__main__ import main  # noqa: PLC0415

    os.setsid()
    os.environ["JAX_PLATFORMS"] = "cpu"
    main(arguments)


class Library:
    """A folder that changes, and what an index of it must hold."""

    def __init__(self, folder, choose):
        self.folder, self.choose, self.made = folder / LIBRARY, choose, 0
        self.seeds = {}  # of the picture, by path

    def change(self):
        """Adds, deletes, changes and moves some pictures."""
        for _ in range(self.choose.randint(1, 6)):
            what = self.choose.choice(["add", "add", "add", "delete", "change", "move"])
            path = self.choose.choice(sorted(self.seeds)) if self.seeds else None
            if what == "add" or path is None:
                self._save(f"{self.choose.choice('abc')}/{uuid.UUID(int=self.made)}.png")
            elif what == "change":
                self._save(path)
            else:
                seed = self.seeds.pop(path)
                if what == "move":
                    other = f"{self.choose.choice('abc')}/moved-{self.made}.png"
                    self.made += 1
                    (self.folder / other).parent.mkdir(exist_ok=True)
                    (self.folder / path).rename(self.folder / other)
                    self.seeds[other] = seed
                else:
                    (self.folder / path).unlink()

    def _save(self, path):
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        # Of another size each time, so that a change shows within one tick of the file's clock.
        small.picture(self.made, (20 + self.made % 40, 16)).save(self.folder / path)
        self.seeds[path] = self.made
        self.made += 1

    def code(self, path):
        network, seed = small.tiny_network(), self.seeds[path]
        return network.codes([network.prepare(small.picture(seed, (20 + seed % 40, 16)))])[0]


def main(folder, kills, seed):
    """Kills, and compares with what was acknowledged."""
    run, encoder = folder / "run", small.tiny_encoder()
    small.trained(run, encoder)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    choose = random.Random(seed)
    library = Library(folder, random.Random(seed))
    uploads, groups = {}, []
    library.change()
    index = ["index", f"--workdir={run}", f"--images={library.folder}", "--batch-size=2"]
    process = context.Process(target=command, args=(index,))
    process.start()
    process.join()
    began = time.monotonic()
    for number in range(kills):
        if number % 2:
            library.change()
            arguments = [*index, *choose.choice([[], ["--prune"], ["--prune=all"], ["--force"]])]
            process = context.Process(target=command, args=(arguments,))
            process.start()
            process.join(choose.uniform(0.0, 2.5))
        else:
            process = context.Process(target=serve, args=(run, port := free_port()))
            process.start()
            if answers(port):
                end = threading.Timer(choose.uniform(0, 0.6), end_at_once, (process.pid,))
                end.start()
                write(port, uploads, choose, number)
                end.join()
        groups.append(process.pid)
        kill(process)
        if number % 10 == 9:
            check(run, uploads)
    check(run, uploads)
    last = context.Process(target=command, args=([*index, "--prune=all"],))
    last.start()
    last.join()
    items = stored(run)
    own = {id for id in items if id.startswith(f"{LIBRARY}/")}
    assert own == {f"{LIBRARY}/{path}" for path in library.seeds}
    for path in library.seeds:
        assert (items[f"{LIBRARY}/{path}"].code == library.code(path)).all(), path
    assert [group for group in groups if alive(group)] == []
    print(f"{kills} kills, seed {seed}, in {time.monotonic() - began:.0f} s")


def serve(run, port):
    command(["serve", f"--workdir={run}", f"--port={port}"])


def write(port, uploads, choose, number):
    """Adds and deletes uploads until the service is killed; what was not answered may be or not."""
    for step in range(1_000):
        known = sorted(id for id, there in uploads.items() if there)
        adds = not known or choose.random() < 0.7
        id = f"{number}-{step}.png" if adds else choose.choice(known)
        uploads[id] = None  # not known before there is an answer
        try:
            if adds:
                status, expected = post(port, id, number + step), 201
            else:
                status, expected = request(port, "DELETE", f"/api/item?id=uploads/{id}"), 200
        except (OSError, http.client.HTTPException):
            return
        assert status == expected, id
        uploads[id] = adds


def check(run, uploads):
    """Compares the index with what was acknowledged."""
    try:
        items = stored(run)
    except UserError as error:
        raise AssertionError(f"the index cannot be read: {error}") from error
    for id, there in uploads.items():
        if there is not None:
            assert (f"uploads/{id}" in items) == there, id


def kill(process):
    """Kills a process alone, as the kernel would; its workers must notice."""
    if process.is_alive():
        end_at_once(process.pid)
    process.join()


def end_at_once(pid):
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(pid, signal.SIGKILL)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def answers(port):
    for _ in range(200):
        try:
            return request(port, "GET", "/health") == 200
        except OSError:
            time.sleep(0.1)
    return False


def post(port, id, seed):
    boundary = "b" * 20
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="id"\r\n\r\n{id}\r\n'.encode(),
        f'--{boundary}\r\ncontent-disposition: form-data; name="image"; filename="x.png"\r\n'
        "content-type: image/png\r\n\r\n".encode(),
        small.saved(small.picture(seed)),
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return request(port, "POST", "/api/items", b"".join(parts), headers)


def request(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
