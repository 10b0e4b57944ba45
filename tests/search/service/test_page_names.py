"""The page in a real browser, with long names: of the query, of hits, of metadata."""

import os

import pytest
from playwright.sync_api import expect

from jaxhash.search.index.interface import Item
from tests.search import small
from tests.search.service.test_page import hits, tab, upload
from tests.search.small import picture, saved

__all__ = ["tab"]
UNBROKEN = "a" * 134 + ".jpg"
PATH = "2019/Summer holiday in Denmark/with Anna/IMG_20190714_123456.jpg"
LABEL = "Donaudampfschifffahrtsgesellschaftskapitaen" * 3
OVERLAP = """() => {
    const box = (id) => document.getElementById(id).getBoundingClientRect();
    const [query, results] = [box("query"), box("results")];
    return query.right > results.left && query.bottom > results.top;
}"""
OUTSIDE = """() => [...document.querySelectorAll("header, #query *, #results *")]
    .filter((e) => e.checkVisibility() && !e.closest("svg") && !e.matches("option, #file"))
    .filter((e) => {
        const part = e.closest("#query, #results") ?? document.body;
        return e.getBoundingClientRect().right > part.getBoundingClientRect().right + 0.5;
    })
    .map((e) => e.id || e.className || e.tagName)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    place = small.place(tmp_path_factory.mktemp("names"), small.tiny_network(), 10)
    code = place.index.get(["pictures/cat/00.png"])[0].code
    metadata = {"label": LABEL, LABEL: "x"}
    place.index.add([Item(f"pictures/{name}", code, metadata) for name in (UNBROKEN, PATH)])
    with small.running(place.app()) as opened:
        yield opened


def check(tab, width):
    expect(tab.locator("#results")).to_have_attribute("aria-busy", "false")
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
    assert tab.evaluate("innerWidth") == width  # a phone would zoom out instead of scrolling
    assert not tab.evaluate(OVERLAP)
    assert tab.evaluate(OUTSIDE) == []
    if folder := os.environ.get("JAXHASH_SCREENSHOTS"):
        count = len(os.listdir(folder))
        tab.screenshot(path=f"{folder}/{count:02d}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_long_names_leave_the_page_as_wide_as_it_is(tab, address, width):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.goto(address)
    expect(tab.locator(".hit")).to_have_count(12)
    check(tab, width)
    for name in (UNBROKEN, PATH):
        upload(tab, {"name": name, "mimeType": "image/png", "buffer": saved(picture(0))})
        expect(tab.locator("#queryname")).to_have_text(name)
        expect(tab.locator("#heading")).to_have_text("12 pictures")
        check(tab, width)
        tab.locator(f".hit:has-text('{name}')").click()
        expect(tab.locator("#queryname")).to_have_attribute("title", name)
        expect(tab.locator("#unseen")).to_have_text("The picture cannot be read")
        expect(tab.locator(".hit .unseen")).to_have_count(2)
        check(tab, width)
    assert {UNBROKEN, PATH} < set(hits(tab))
    for hit in tab.locator(".hit").all():
        assert hit.locator(".name").text_content() in hit.get_attribute("title")
    if not tab.locator("#field").is_visible():
        tab.locator("#summary").click()
    tab.locator("#field").select_option(LABEL)
    tab.locator("#value").fill(UNBROKEN)
    expect(tab.locator("#message")).to_contain_text("Nothing that near")
    check(tab, width)
