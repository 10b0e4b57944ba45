"""The page in a real browser."""

import pytest
from playwright.sync_api import expect

from jaxhash.search.service.access import Access
from tests.search import small
from tests.search.small import picture, saved

QUERY = {"name": "my query.png", "mimeType": "image/png", "buffer": saved(picture(3))}
PASTE = """data => {
    const files = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    files.items.add(new File([bytes], "pasted.png", {type: "image/png"}));
    const paste = new ClipboardEvent("paste", {clipboardData: files, bubbles: true});
    const drop = new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true});
    document.body.dispatchEvent(EVENT);
}"""
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    place = small.place(tmp_path_factory.mktemp("page"), small.tiny_network(), 60)
    with small.running(place.app()) as opened:
        yield opened


@pytest.fixture
def tab(browser):
    """A tab that notes what goes wrong in it, and whom it asks."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    opened = context.new_page()
    opened.said, opened.asked = [], []
    opened.on("console", lambda m: m.type in ("error", "warning") and opened.said.append(m.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    context.close()


def upload(tab, file=QUERY):
    tab.locator("#file").set_input_files(file)


def hits(tab):
    return tab.locator(".hit .name").all_text_contents()


def test_upload_see_click_and_go_back(tab, address):
    tab.goto(address)
    expect(tab.locator(".hit")).to_have_count(48)
    expect(tab.locator("#about")).to_contain_text("60 pictures")
    tab.locator("#more").click()
    expect(tab.locator(".hit")).to_have_count(60)
    upload(tab)
    expect(tab.locator("#heading")).to_have_text("24 pictures")
    assert hits(tab)[0] == "dog/03.png"
    expect(tab.locator(".hit .distance").first).to_have_text("same code")
    expect(tab.locator("#queryname")).to_have_text("my query.png")
    expect(tab.locator("#querycode svg")).to_have_count(1)
    far = tab.locator(".hit").last
    bits = int(far.locator(".distance").text_content().split()[0])
    label = far.locator("svg").get_attribute("aria-label")
    assert len(label.removeprefix("differs in bit ").split(", ")) == bits
    chosen = far.locator(".name").text_content()
    far.click()
    expect(tab.locator("#queryname")).to_have_text(chosen)
    expect(tab.locator("#results")).to_have_attribute("aria-busy", "false")
    assert chosen in hits(tab)[:8]
    tab.go_back()
    expect(tab.locator("#queryname")).to_have_text("my query.png")
    expect(tab.locator(".hit .name").first).to_have_text("dog/03.png")
    tab.locator("#home").click()
    expect(tab.locator("#heading")).to_have_text("The collection")
    assert tab.said == []
    assert all(url.startswith((f"{address}/", "blob:")) for url in tab.asked)


def test_settings_change_what_is_found(tab, address):
    tab.goto(address)
    upload(tab)
    expect(tab.locator(".hit")).to_have_count(24)
    tab.locator("#k").fill("5")
    expect(tab.locator(".hit")).to_have_count(5)
    tab.locator("#value").fill("cat")
    expect(tab.locator(".hit .label").first).to_have_text("cat")
    assert set(tab.locator(".hit .label").all_text_contents()) == {"cat"}
    tab.locator("#radius").fill("12")
    expect(tab.locator(".hit")).to_have_count(30)
    tab.locator("#value").fill("horse")
    expect(tab.locator("#message")).to_contain_text("Nothing that near")
    tab.locator("#radius").fill("99")
    expect(tab.locator("#message")).to_contain_text("from 0 to 12")
    assert tab.said == []


def test_attention_is_laid_over_the_query(tab, address):
    tab.goto(address)
    upload(tab)
    tab.locator("#attention").click()
    expect(tab.locator("#overlay")).to_be_visible()
    same = "['preview', 'overlay'].map(id => document.getElementById(id).naturalWidth > 0)"
    assert tab.evaluate(same) == [True, True]
    tab.locator("#attention").click()
    expect(tab.locator("#overlay")).to_be_hidden()
    assert tab.said == []


def test_a_file_that_is_no_picture_is_said_to_be_none(tab, address):
    tab.goto(address)
    upload(tab, {"name": "x.png", "mimeType": "image/png", "buffer": b"hello"})
    expect(tab.locator("#message")).to_contain_text("This file cannot be used")
    expect(tab.locator("#message")).to_contain_text("expected JPEG")
    expect(tab.locator(".hit")).to_have_count(0)
    large = {"name": "x.png", "mimeType": "image/png", "buffer": bytes(3 * 2**20)}
    upload(tab, large)
    expect(tab.locator("#message")).to_contain_text("too large: at most 1 MB")
    upload(tab)
    expect(tab.locator("#heading")).to_have_text("24 pictures")
    expect(tab.locator("#message")).to_be_hidden()


def test_an_empty_index_says_how_to_fill_it(tab, tmp_path):
    with small.running(small.place(tmp_path, small.tiny_network(), 0).app()) as address:
        tab.goto(address)
        expect(tab.locator("#message")).to_contain_text("The collection is empty")
        expect(tab.locator("#message")).to_contain_text("search index --images=")
        upload(tab)
        expect(tab.locator("#heading")).to_have_text("0 pictures")
        expect(tab.locator("#message")).to_contain_text("The collection is empty")
        assert tab.said == []


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped(tab, address, event):
    import base64

    tab.goto(address)
    tab.evaluate(PASTE.replace("EVENT", event), base64.b64encode(QUERY["buffer"]).decode())
    expect(tab.locator("#queryname")).to_have_text("pasted.png")
    expect(tab.locator(".hit .name").first).to_have_text("dog/03.png")
    assert tab.said == []


def test_the_keyboard_is_enough(tab, address):
    tab.goto(address)
    expect(tab.locator(".hit")).to_have_count(48)
    seen = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.id || document.activeElement.className"))
        if seen[-1] == "hit":
            break
    assert seen[:2] == ["home", "file"] and "k" in seen and seen[-1] == "hit"
    tab.keyboard.press("Enter")
    expect(tab.locator("#queryname")).to_have_text("cat/00.png")
    assert tab.evaluate("document.activeElement.id") == "heading"


def test_a_private_search_asks_for_the_token(tab, tmp_path):
    place = small.place(tmp_path, small.tiny_network(), 4)
    with small.running(place.app(access=Access(token="s3cret"))) as address:
        tab.goto(address)
        for token in ("wrong", "s3cret"):
            tab.locator("#token").fill(token)
            tab.keyboard.press("Enter")
            if token == "wrong":
                expect(tab.locator("#loginerror")).to_have_text("That was not the token.")
        expect(tab.locator(".hit")).to_have_count(4)
        loaded = "() => [...document.querySelectorAll('.hit img')].every(i => i.naturalWidth > 0)"
        tab.wait_for_function(loaded)
        tab.reload()
        expect(tab.locator(".hit")).to_have_count(4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_by_day_and_by_night(tab, address, scheme):
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": 360, "height": 740})
    tab.goto(address)
    expect(tab.locator(".hit")).to_have_count(48)
    assert tab.evaluate(WIDTH) <= 360
    upload(tab)
    expect(tab.locator(".distance")).to_have_count(24)
    tab.locator("#summary").click()
    expect(tab.locator("#k")).to_be_visible()
    assert tab.evaluate(WIDTH) <= 360
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (sum(map(int, light)) > 380) == (scheme == "light")
    assert tab.said == []


def test_a_picture_of_108_megapixels_is_shown(tab, tmp_path):
    place = small.place(tmp_path, small.tiny_network(), 1)
    picture(0, (12_000, 9000)).save(tmp_path / "pictures" / "cat/00.png", "JPEG")
    with small.running(place.app()) as address:
        tab.goto(address)
        tab.locator(".hit").click()
        expect(tab.locator("#preview")).to_be_visible()
        tab.wait_for_function("() => document.querySelector('.hit img').naturalWidth == 256")
        assert tab.evaluate("document.getElementById('preview').naturalWidth") == 1024
        tab.locator("#attention").click()
        expect(tab.locator("#overlay")).to_be_visible()
        assert tab.said == []


def test_a_server_that_stopped_is_missed(tab, tmp_path):
    with small.running(small.place(tmp_path, small.tiny_network(), 4).app()) as address:
        tab.goto(address)
        expect(tab.locator(".hit")).to_have_count(4)
    upload(tab)
    expect(tab.locator("#message")).to_contain_text("The server does not answer")


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_near_duplicates_side_by_side(tab, tmp_path, width):
    place = small.place(tmp_path, small.tiny_network(), 6)
    (item,) = place.index.get(["pictures/cat/00.png"])
    name = f"cat/{'a long name ' * 20}.png"
    picture(0).save(tmp_path / "pictures" / name)
    place.index.add([item._replace(id=f"pictures/{name}")])
    tab.set_viewport_size({"width": width, "height": 800})
    with small.running(place.app()) as address:
        tab.goto(address)
        tab.locator("#also a").click()
        expect(tab.locator("#radius")).to_have_value("1")
        tab.locator("#radius").fill("0")
        tab.keyboard.press("Enter")
        expect(tab.locator("#heading")).to_have_text("1 group")
        expect(tab.locator(".hit")).to_have_count(2)
        assert hits(tab) == ["cat/00.png", name]
        expect(tab.locator(".hit .row").first).to_contain_text("24 × 16")
        assert tab.evaluate(WIDTH) == width
        tab.locator(".hit").first.click()
        expect(tab.locator("#queryname")).to_have_text("cat/00.png")
    assert not tab.said


def test_in_order_by_features_where_the_index_keeps_them(tab, address, tmp_path):
    tab.goto(address)
    upload(tab)
    expect(tab.locator("#heading")).to_have_text("24 pictures")
    expect(tab.locator("#ranking")).to_be_hidden()
    assert not any("rerank" in url for url in tab.asked)
    place = small.place(tmp_path, small.tiny_network(), 6)
    items = place.index.items()
    network = place.network
    encoded = network.encode([network.prepare(picture(i)) for i in (0, 2, 4)])
    place.index.note("features", "int8", None)
    pairs = zip(items, encoded, strict=False)
    place.index.add([item._replace(features=each.features) for item, each in pairs])
    with small.running(place.app()) as other:
        tab.goto(other)
        expect(tab.locator("#ranking")).to_be_visible()
        tab.locator(".hit").nth(1).click()
        expect(tab.locator("#heading")).to_have_text("6 pictures")
        assert any("rerank=200" in url for url in tab.asked)
        expect(tab.locator(".hit .name").first).to_have_text("cat/02.png")
        asked = len(tab.asked)
        with tab.expect_response(lambda response: "api/similar" in response.url):
            tab.locator("#rerank").uncheck()
        assert not any("rerank" in url for url in tab.asked[asked:])
    assert not tab.said


def test_near_duplicates_behind_a_token(tab, tmp_path):
    place = small.place(tmp_path, small.tiny_network(), 6)
    with small.running(place.app(access=Access("secret"))) as address:
        tab.goto(f"{address}/duplicates.html")
        tab.locator("#token").fill("wrong")
        tab.keyboard.press("Enter")
        expect(tab.locator("#loginerror")).to_have_text("That was not the token.")
        tab.locator("#token").fill("secret")
        tab.keyboard.press("Enter")
        expect(tab.locator("#radius")).to_have_value("1")
        expect(tab.locator("#login")).to_have_count(0)
