"""Measures the search service under load, over loopback, with random codes and weights.

  python benchmarks/service.py --seconds=10
  python benchmarks/service.py --count=100000 --clients=1,8,32 --config=configs/dhida.py:scale=small

Each client sends its next request as soon as it has the response, over one connection. "by id"
uses only the index; "upload" also decodes a JPEG of 640 x 480 and encodes it with the network.
Client and server share the machine. Memory is the server's, before and after each row; it grows
during the first load after a start, so an unmeasured round comes first.
"""

import argparse
import asyncio
import io
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

BITS = 64
BOUNDARY = b"jaxhash-benchmark"


class Row(NamedTuple):
    """The result of one load: seconds of each response, and the number with a status not 200."""

    seconds: list[float]
    errors: int


def main() -> None:
    """Starts a server, sends requests, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--config", default="configs/dhida.py:scale=small")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve), options.count, options.config)
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, f"--serve={folder}", f"--count={options.count}"]
        command.append(f"--config={options.config}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                address = server.stdout.readline().split()[2]
                wait(address)
                measure(address, [int(n) for n in options.clients.split(",")], options)
            finally:
                server.terminate()


def serve(folder: Path, count: int, config: str) -> None:
    """Serves `count` random codes and a network of random weights."""
    import jax  # noqa: PLC0415  the client needs none of it
    import jax.numpy as jnp  # noqa: PLC0415

    from jaxhash import config as configs  # noqa: PLC0415
    from jaxhash.data import augment as augmentation  # noqa: PLC0415
    from jaxhash.encoders.encoder import Encoder  # noqa: PLC0415
    from jaxhash.models import hash_network  # noqa: PLC0415
    from jaxhash.search.index.engines import open_index  # noqa: PLC0415
    from jaxhash.search.index.interface import Item  # noqa: PLC0415
    from jaxhash.search.service.server import serve  # noqa: PLC0415
    from jaxhash.search.service.thumbnails import Pictures  # noqa: PLC0415

    settings = configs.load(config)
    settings.model.bits = BITS
    network = hash_network.build(settings.model, labels=10)
    size, channels = settings.data.size, len(settings.data.mean)
    variables = network.init(jax.random.key(0), jnp.zeros((1, size, size, channels)))
    made = Encoder(
        settings, network, jax.device_get(variables), augmentation.build(settings.data), step=0
    )
    codes = np.random.RandomState(0).randint(0, 256, (count, BITS // 8), np.uint8)
    index = open_index(folder / "index", BITS, "random")
    for start in range(0, count, 10_000):
        numbers = range(start, min(start + 10_000, count))
        index.add([Item(f"{i:09d}", codes[i], {"label": str(i % 10)}) for i in numbers])
    serve(made, index, Pictures(folder / "added"), port=0)


def wait(address: str) -> None:
    """Waits until the server responds; it compiles first."""
    for _ in range(3000):
        try:
            urllib.request.urlopen(f"{address}health").close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server does not respond")


def measure(address: str, clients: list[int], options: argparse.Namespace) -> None:
    """Prints a row for each kind of search and number of clients."""
    host = address.removeprefix("http://").rstrip("/")
    print(
        f"{options.count:,} codes of {BITS} bits, {options.config}, {options.seconds:g} s a row\n"
    )
    print("| search | clients | per second | p50 ms | p99 ms | errors | memory MB |")
    print("|---|---|---|---|---|---|---|")
    for name, request in (("by id", by_id(host, options.count)), ("upload", upload(host))):
        asyncio.run(load(host, request, max(clients), min(options.seconds, 5)))
        for number in clients:
            before = memory(address)
            row = asyncio.run(load(host, request, number, options.seconds))
            p50, p99 = np.percentile(row.seconds, [50, 99]) * 1e3
            rate = len(row.seconds) / options.seconds
            print(
                f"| {name} | {number} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {row.errors} | "
                f"{before:.0f} to {memory(address):.0f} |",
                flush=True,
            )


async def load(host: str, request, clients: int, seconds: float) -> Row:
    """Runs clients for some seconds."""
    row = Row([], 0)
    end = time.perf_counter() + seconds

    async def client(number: int) -> int:
        reader, writer = await asyncio.open_connection(*host.split(":"))
        errors, asked = 0, 0
        while (start := time.perf_counter()) < end:
            writer.write(request(number * 7919 + asked))
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            row.seconds.append(time.perf_counter() - start)
            errors += b" 200 " not in head[:20]
            asked += 1
        writer.close()
        await writer.wait_closed()
        return errors

    return row._replace(errors=sum(await asyncio.gather(*map(client, range(clients)))))


def by_id(host: str, count: int):
    """Makes requests for items similar to an item, another each time."""

    def request(number: int) -> bytes:
        id = f"{number % count:09d}"
        return f"GET /api/similar?k=20&id={id} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()

    return request


def upload(host: str):
    """Makes requests for items similar to a picture, one of eight."""
    bodies = []
    for seed in range(8):
        rough = np.random.RandomState(seed).randint(0, 256, (12, 16, 3), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(rough).resize((640, 480)).save(buffer, "JPEG")
        field = b'content-disposition: form-data; name="image"; filename="a"\r\n\r\n'
        body = b"--%b\r\n%b%b\r\n--%b--\r\n" % (BOUNDARY, field, buffer.getvalue(), BOUNDARY)
        head = (
            f"POST /api/search?k=20 HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n"
            f"content-type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
        )
        bodies.append(head.encode() + body)
    return lambda number: bodies[number % len(bodies)]


def memory(address: str) -> float:
    """Reads the server's resident memory from its metrics."""
    with urllib.request.urlopen(f"{address}metrics") as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines())
    return float(lines["process_resident_memory_bytes"]) / 2**20


if __name__ == "__main__":
    main()
