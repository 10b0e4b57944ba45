"""Before the service: tokens, hosts, sizes, crowds; and what every answer carries."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2 as httpx
import pytest

from jaxhash.search.service.access import Access
from tests.search import small
from tests.search.service.test_routes import refused, search
from tests.search.small import LIMITS, picture, saved

ROOT = Path(__file__).parents[3]
LOCAL = Access(hosts=frozenset({"127.0.0.1", "localhost"}))


def test_every_answer_is_told_what_a_browser_may_do_with_it(client):
    for path, status in (("/", 200), ("/api/about", 200), ("/nothing", 404), ("/api/item", 422)):
        answer = client.get(path)
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'") and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_with_a_token_only_those_who_know_it(place):
    with place.client(access=Access(token="s3cret")) as client:
        for path in ("/api/about", "/api/items", "/metrics", "/api/openapi.json"):
            answer = refused(client.get(path), 401, "token")
            assert answer.headers["www-authenticate"] == "Bearer"
            for wrong in ("Bearer s3cre", "Bearer ", "Basic s3cret", "s3cret", "Bearer \xe9"):
                header = {"authorization": wrong.encode("latin-1")}
                assert client.get(path, headers=header).status_code == 401
            assert client.get(path, headers={"authorization": "Bearer s3cret"}).status_code == 200
            for wrong in ("s3cre", "Bearer s3cret", ""):
                assert client.get(path, headers={"x-jaxhash-token": wrong}).status_code == 401
            behind = {"authorization": "Basic YTpi", "x-jaxhash-token": "s3cret"}
            assert client.get(path, headers=behind).status_code == 200
        refused(search(client, picture(0)), 401)
        assert client.get("/").status_code == 200  # the page asks for the token
        assert client.get("/health").status_code == 200


def test_without_a_token_other_sites_cannot_use_a_browser_to_ask(place):
    with place.client(access=LOCAL) as client:
        for host in ("evil.example", "evil.example:8000", ""):
            refused(client.get("/api/items", headers={"host": host}), 403, "unknown host")
        for host in ("localhost:8000", "127.0.0.1"):
            assert client.get("/api/items", headers={"host": host}).status_code == 200
        for origin in ("https://evil.example", "null", "http://127.0.0.1:9"):
            header = {"origin": origin, "host": "127.0.0.1:8000"}
            refused(client.delete("/api/item?id=cat/00.png", headers=header), 403, "other sites")
        header = {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}
        assert client.delete("/api/item?id=cat/00.png", headers=header).status_code == 200


@pytest.mark.parametrize(
    ("token", "host", "origin", "site", "refusal"),
    [
        (None, "127.0.0.1:8000", "https://photos.example", "same-origin", None),
        (None, "127.0.0.1:8000", "https://photos.example", "same-site", "with --token=.*use https"),
        (None, "127.0.0.1:8000", "https://photos.example", "cross-site", "with --token="),
        (None, "127.0.0.1:8000", "http://photos.example", None, "with --token=.*use https"),
        (None, "127.0.0.1:8000", None, "cross-site", None),  # a link on another site
        (None, "photos.example", "https://photos.example", "same-origin", "with --token=.*Host"),
        (None, "photos.example", None, None, "'photos.example': .*with --token=.*Host"),
        ("s3cret", "photos.example", "https://photos.example", None, None),
        ("s3cret", "127.0.0.1:8000", "https://photos.example", "cross-site", None),
    ],
)
def test_what_a_reverse_proxy_sends_is_taken_or_refused_with_a_remedy(
    place, token, host, origin, site, refusal
):
    sent = {"host": host, "origin": origin, "sec-fetch-site": site, "x-jaxhash-token": token}
    headers = {name: value for name, value in sent.items() if value}
    with place.client(access=LOCAL if token is None else Access(token)) as client:
        answer = client.get("/api/items", headers=headers)
        if refusal is None:
            assert answer.status_code == 200
        else:
            assert re.search(refusal, refused(answer, 403).json()["detail"])
            page = client.get("/app.js", headers=headers)
            assert page.status_code == (403 if "Host" in refusal else 200)


def test_too_large_a_body_is_refused_by_its_announcement_and_by_its_length(place):
    with place.client() as client:
        refused(search(client, bytes(2 * 2**20)), 413, "at most 1 MB")

        def chunks():
            yield b'--x\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n'
            for _ in range(40):
                yield bytes(50_000)

        header = {"content-type": "multipart/form-data; boundary=x"}
        refused(client.post("/api/search", content=chunks(), headers=header), 413, "at most 1 MB")


def test_fifty_megabytes_over_a_socket_end_in_words(place):
    with small.running(place.app()) as address:
        files = {"image": ("big.png", bytes(50 * 2**20))}
        try:
            answer = httpx.post(f"{address}/api/search", files=files, timeout=120)
        except (httpx.WriteError, httpx.ReadError):
            pytest.fail("the connection was cut before the answer")
        refused(answer, 413, "too large")
        assert httpx.get(f"{address}/health").status_code == 200


def test_a_crowd_is_asked_to_come_back(place, monkeypatch):
    """Three may wait; the index is held until the others were refused."""
    app = place.app(limits=LIMITS._replace(max_pending=3))
    go_on = threading.Event()
    get = place.index.get
    monkeypatch.setattr(place.index, "get", lambda ids: go_on.wait(20) and get(ids))

    async def story():
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://here") as client,
        ):
            asked = [
                asyncio.create_task(client.get("/api/item", params={"id": "cat/00.png"}))
                for _ in range(10)
            ]
            while sum(task.done() for task in asked) < 7:
                await asyncio.sleep(0.01)
            go_on.set()
            return await asyncio.gather(*asked), await client.get("/api/item?id=cat/00.png")

    answers, after = asyncio.run(story())
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 7
    assert after.status_code == 200
    late = next(answer for answer in answers if answer.status_code == 429)
    assert refused(late, 429, "try again").headers["retry-after"] == "1"


def test_a_body_that_dribbles_in_is_given_up(place):
    with small.running(place.app(limits=LIMITS._replace(max_seconds=0.3))) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(
                b"POST /api/search HTTP/1.1\r\nhost: a\r\ncontent-length: 999\r\n"
                b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 408")
        assert httpx.get(f"{address}/health").status_code == 200


SERVE = """
from pathlib import Path
from tests.search import small
from jaxhash.search.service.server import serve
place = small.place(Path(FOLDER), small.tiny_network("none"), 0)
serve(small.tiny_encoder("none"), place.index, place.pictures, port=0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_good_order(tmp_path, how):
    command = [sys.executable, "-c", SERVE.replace("FOLDER", repr(str(tmp_path)))]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        address = line.split()[2] if line else process.communicate()[1]
        # It listens at once, and answers when the network is compiled.
        assert httpx.get(f"{address}health", timeout=600).status_code == 200
        process.send_signal(how)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert address.startswith("http://127.0.0.1:") and said == ""
    assert process.returncode in (0, -how)


def test_pictures_are_kept_without_what_a_camera_hides_in_them(client, place):
    data = saved(picture(0, (400, 300)), "JPEG", comment=b"a secret place")
    client.post("/api/items", files={"image": data}, data={"id": "x"})
    for kept in (place.folder / "added").iterdir():
        assert b"secret" not in kept.read_bytes()
