"""HTTP methods: HEAD is that of GET, and 405 names what a path takes."""

import httpx2 as httpx
import pytest

from jaxhash.search.service.access import Access
from tests.search import small
from tests.search.service.test_routes import refused

FIRST = "cat/00.png"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/app.js",
        "/health",
        "/api/about",
        "/api/items",
        "/api/openapi.json",
        f"/api/item?id={FIRST}",
        f"/api/picture?id={FIRST}",
        f"/api/similar?id={FIRST}",
        "/api/picture?id=none",
        "/api/item",
        "/nothing",
    ],
)
def test_head_is_get_without_the_body(client, path):
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code and head.content == b""
    assert int(head.headers["content-length"]) == len(got.content) > 0
    assert head.headers == got.headers


def test_head_works_over_a_socket_and_the_connection_stays(place):
    with small.running(place.app()) as address, httpx.Client(base_url=address) as client:
        for path in ("/", "/health", "/metrics", f"/api/picture?id={FIRST}"):
            head = client.head(path)
            assert head.status_code == 200 and head.content == b""
            assert int(head.headers["content-length"]) > 0
            assert client.get(path).status_code == 200
        refused(client.get("/api/picture?id=none"), 404)
        assert client.head("/api/picture?id=none").status_code == 404


def test_head_needs_the_token_too(place):
    with place.client(access=Access(token="s3cret")) as client:
        head = client.head("/api/about")
        assert head.status_code == 401 and head.content == b""
        assert client.head("/api/about", headers={"x-jaxhash-token": "s3cret"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/health", "HEAD, GET"),
        ("DELETE", "/metrics", "HEAD, GET"),
        ("GET", "/api/search", "POST"),
        ("HEAD", "/api/search", "POST"),
        ("DELETE", "/api/items", "HEAD, GET, POST"),
        ("PUT", "/api/item", "HEAD, GET, DELETE"),
        ("OPTIONS", "/api/attention", "HEAD, GET, POST"),
        ("POST", "/", "HEAD, GET"),
        ("POST", "/app.js", "HEAD, GET"),
    ],
)
def test_a_method_that_a_path_has_not_is_405_and_names_the_others(client, method, path, allow):
    answer = client.request(method, path)
    assert answer.status_code == 405 and answer.headers["allow"] == allow
    if method != "HEAD":
        refused(answer, 405, f"expected {allow}")


def test_a_path_is_not_corrected_by_a_redirect(client):
    for path in ("/health/", "/api/items/", "/page", "/api"):
        assert client.get(path, follow_redirects=False).status_code == 404
