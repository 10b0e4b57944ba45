"""The report in a real browser: quiet, alone, and as wide as a phone by day and by night."""

import pytest

from jaxhash.report import __main__ as command
from tests.report import fakes

LONG = "a-run-whose-name-goes-on_and_on_without_an_end_" * 4


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    names = [
        fakes.workdir(folder / f"{name}-{bits}-{seed}", fakes.results(name, bits, seed, noise))
        for name, noise in (("dhida-small", 0.2), ("dah-none-small", 0.3))
        for bits in (16, 48)
        for seed in (0, 1)
    ]
    names.append(fakes.workdir(folder / LONG, fakes.results(LONG, 128, protocol="cifar10_59k")))
    evil = fakes.results("<script>console.error(1)</script><img src=https://example.com/a.png>")
    names.append(fakes.workdir(folder / "<script>console.error(2)<", evil))
    command.main([*map(str, names), f"--out={folder / 'report.html'}"])
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_is_quiet_alone_and_fits(browser, address, scheme, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    tab = context.new_page()
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address)
    tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    tab.evaluate("Promise.all(Array.from(document.images, image => image.decode()))")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("Array.from(document.images).every(image => image.naturalWidth > 0)")
    assert tab.locator("svg.chart").count() >= 8
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (sum(map(int, light)) > 380) == (scheme == "light")
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out_from_what_is_behind_them(browser, address, scheme):
    """Contrast as WCAG 2 counts it: 4.5 for text, 3 for lines."""
    tab = browser.new_page(color_scheme=scheme)
    tab.goto(address)
    names = ["paper", "card", "ink", "soft", "accent", "warn", *(f"c{i}" for i in range(7))]
    read = "name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
    colours = {name: tab.evaluate(read, name) for name in names}
    tab.close()
    for behind in ("paper", "card"):
        for text in ("ink", "soft", "accent"):
            assert contrast(colours[text], colours[behind]) >= 4.5, (text, behind)
        for line in range(7):
            assert contrast(colours[f"c{line}"], colours[behind]) >= 3, (line, behind)
    assert contrast(colours["ink"], colours["warn"]) >= 4.5


def test_pointing_at_a_line_dims_the_others(browser, address):
    tab = browser.new_page()
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(address)
    series = tab.locator("svg.chart").first.locator(".series")
    series.first.locator("circle").first.hover()
    opacity = "node => getComputedStyle(node).opacity"
    assert series.first.evaluate(opacity) == "1" and series.last.evaluate(opacity) == "0.15"
    tab.close()


def test_tables_are_sorted_and_filtered_and_a_system_is_set_against_the_others(browser, address):
    tab = browser.new_page()
    tab.goto(address)
    every = tab.locator("table.sorts").filter(has_text="Every run")
    title = every.locator("thead button").nth(1)
    column = "rows => rows.map(row => parseFloat(row.cells[1].textContent))"
    for order in ("descending", "ascending"):
        title.click()
        shown = every.locator("tbody tr").evaluate_all(column)
        assert shown == sorted(shown, reverse=order == "descending") and len(set(shown)) > 5
        assert every.locator("thead th").nth(1).get_attribute("aria-sort") == order
    tab.get_by_label("filter the rows of: Every run").fill("cifar10_54k small-48 dah")
    seen = every.locator("tbody tr:visible").evaluate_all("rows => rows.map(r => r.textContent)")
    assert len(seen) == 2 and all("dah-none-small" in text for text in seen)
    button = tab.locator(".legend button").first
    button.click()
    opacity = "node => getComputedStyle(node).opacity"
    series = tab.locator("svg.chart").first.locator(".series")
    tab.wait_for_timeout(300)
    assert series.first.evaluate(opacity) == "1" and float(series.nth(1).evaluate(opacity)) < 0.2
    button.click()
    tab.wait_for_timeout(300)
    assert series.nth(1).evaluate(opacity) == "1"
    tab.close()


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
