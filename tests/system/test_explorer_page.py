"""The explorer's page in a real browser, without a head: Debian's Chromium, steered by playwright."""

import io
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import axe_playwright_python
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

import images as files
from serving import serving
from stratiform.explorer import strict
from stratiform.explorer.app import application
from stratiform.explorer.attached import Attached, attached
from stratiform.explorer.limits import Limits
from stratiform.explorer.picture import encoder, picture, shown
from stratiform.explorer.view import View
from stratiform.models.chain import Chain
from stratiform.models.conditional import ConditionalMatNet
from stratiform.models.hvae import HVAE
from stratiform.models.matnet import MatNet, Modules
from stratiform.models.parts import Network
from stratiform.models.pixelcnn import PixelCNN
from stratiform.models.vlae import VLAE
from stratiform.training.run import load
from tiny import scaled, tiny, untrained

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser here: install Debian's package chromium")
Open = Callable[..., Page]
TOP_THREE, TOP_HALF = (strict.unpacked(bytes([255] * rows + [0] * (8 - rows))) for rows in (3, 4))


@pytest.fixture(scope="module")
def runs(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Attached]:
    """Three levels of two units; three of 5, 3 and 1; pixel after pixel; levels of positions; completing images."""
    folder = tmp_path_factory.mktemp("runs")
    network = Modules(depth=(1, 1), channels=(4, 4), stem=3, hidden=8)
    models = {
        "ladder": VLAE(network=Network(kind="dense", hidden=16)),
        "chain": HVAE(latents=(5, 3, 1), network=Chain(hidden=(16, 8))),
        "pixels": PixelCNN(width=8, blocks=1, kernel=3),
        "maps": MatNet(latent=2, units=(1, 1), network=network),
        "completes": ConditionalMatNet(latent=2, units=(2, 2), network=network),
        "young": VLAE(latents=(1, 2), network=Network(kind="dense", hidden=8)),
    }
    for name, model in models.items():
        untrained(folder / name, tiny(model=model), gain=0.5 if name == "pixels" else 1.5)
    return attached([folder / name for name in models])


@pytest.fixture(scope="module")
def address(runs: dict[str, Attached]) -> Iterator[str]:
    app = application(runs, Limits(rate=1e9, burst=1e9))
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page of a run; afterwards nothing may have gone wrong in it, nor gone elsewhere."""
    troubles: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.on(
        "request",
        lambda request: None if request.url.startswith((address, "blob:", "data:")) else troubles.append(request.url),
    )

    def go(run: str, view: dict[str, Any] | None = None, held: list[Route] | None = None, **size: int) -> Page:
        page = context.new_page()
        if held is not None:
            page.route("**/where", lambda route: held.append(route))
        if size:
            page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto(f"{address}#run={run}" + (f"&view={json.dumps(view)}" if view else ""))
        page.wait_for_selector("canvas.live[data-view]")
        return page

    yield go
    context.close()
    assert not troubles


def until(page: Page, expression: str, seconds: float = 20.0) -> None:
    """Waits until it is true in the page. (The page's own rules let no script evaluate text.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(15)


SETTLED = """() => {
  const view = new URLSearchParams(location.hash.slice(1)).get("view");
  if (view === null || document.querySelector(".panel[aria-busy=true]")) return false;
  return document.querySelector("canvas.live").dataset.view === JSON.stringify(JSON.parse(view));
}"""


def view_of(page: Page) -> dict[str, Any]:
    """What the address says, once it is what the picture shows and no movement waits to be done."""
    until(page, SETTLED)
    return json.loads(unquote(page.url.split("view=")[1]))


def seen(page: Page) -> np.ndarray:
    """The live picture, uint8 [H, W], once it is that of the address."""
    view_of(page)
    values = page.evaluate("""() => {
      const canvas = document.querySelector("canvas.live");
      return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
    }""")
    return np.array(values, np.uint8).reshape(8, 8, 4)[..., 0]


def made(run: Attached, view: dict[str, Any]) -> np.ndarray:
    """The picture that the library makes of a view, uint8 [H, W]."""
    loaded = load(run.run)
    asked = View.from_json(view, loaded.spec, loaded.model.hierarchy.shapes)
    return shown(picture(loaded.model, asked, loaded.spec, encoder(loaded.model, loaded.spec)))[0, 0].numpy()


def drag(page: Page, selector: str, *places: tuple[float, float]) -> None:
    """Over shares of an element's width and height."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def test_dragging_a_pad_changes_the_picture_by_that_level_alone(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("ladder")
    until(page, "document.querySelector('#colour').value === 'label'")
    before, at_first = seen(page), view_of(page)
    drag(page, "[data-level='3'] .pad", (0.5, 0.5), (0.9, 0.2))
    after, view = seen(page), view_of(page)
    assert view["levels"][:2] == at_first["levels"][:2] == [{}, {}]
    units = view["levels"][2]["units"]
    assert units["0"] == pytest.approx(2.4, abs=0.05) and units["1"] == pytest.approx(1.8, abs=0.05)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, made(runs["ladder"], {"levels": [{}, {}, {"units": units}]}))


def test_a_locked_level_stays_when_all_are_drawn_anew(opened: Open) -> None:
    page = opened("ladder", {"levels": [{}, {"units": {"0": 2, "1": -1}}, {}]})
    panel = page.locator("[data-level='2']")
    panel.get_by_role("button", name="Lock").click()
    page.get_by_role("button", name="New draw").first.click()
    view = view_of(page)
    assert view["levels"][1] == {"lock": True, "units": {"0": 2, "1": -1}}
    assert view["levels"][0]["draw"] == view["levels"][2]["draw"] > 0
    panel.get_by_role("button", name="Zero").click(force=True)
    drag(page, "[data-level='2'] .pad", (0.5, 0.5), (0.9, 0.9))
    assert view_of(page) == view
    page.locator(".picture").get_by_role("button", name="Undo").click()
    assert view_of(page)["levels"][0] == {}


def test_each_level_is_drawn_heated_zeroed_and_undone_by_itself(opened: Open) -> None:
    page = opened("ladder")
    panel = page.locator("[data-level='1']")
    panel.get_by_role("button", name="New draw").click()
    drawn = view_of(page)["levels"]
    assert drawn[0]["draw"] > 0 and drawn[1:] == [{}, {}]
    panel.get_by_label("Temperature").fill("0.5")
    assert view_of(page)["levels"][0] == {**drawn[0], "temperature": 0.5}
    panel.get_by_role("button", name="Zero").click()
    assert view_of(page)["levels"][0] == {"source": "zero"}
    panel.get_by_role("button", name="Undo").click()
    panel.get_by_role("button", name="Undo").click()
    assert view_of(page)["levels"][0] == drawn[0]


def test_an_address_opened_again_shows_the_same_picture(opened: Open) -> None:
    page = opened("ladder")
    drag(page, "[data-level='2'] .pad", (0.5, 0.5), (0.1, 0.3))
    page.get_by_role("button", name="New draw").first.click()
    picture, view = seen(page), view_of(page)
    page.reload()
    page.wait_for_selector("canvas.live[data-view]")
    np.testing.assert_array_equal(seen(page), picture)
    page.go_back()
    assert view_of(page) != view


def test_a_dropped_image_is_placed_rebuilt_and_scored(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("ladder")
    content = list(files.encoded(files.noise(1, (30, 30))))
    page.evaluate("""(content) => {
      const moved = new DataTransfer();
      moved.items.add(new File([new Uint8Array(content)], "mine.png", { type: "image/png" }));
      const drop = new DragEvent("drop", { bubbles: true, dataTransfer: moved });
      document.querySelector("[data-slot=a]").dispatchEvent(drop);
    }""", content)  # fmt: skip
    until(page, "location.hash.includes('source')")
    view = view_of(page)
    assert view["levels"] == [{"source": "a"}] * 3
    np.testing.assert_array_equal(seen(page), made(runs["ladder"], view))
    page.get_by_text("bits per dimension").wait_for()
    assert page.locator(".kept figure").count() == 5  # the image, and rebuilt from 3, 2, 1, 0 levels
    until(page, "[...document.querySelectorAll('.marks span')].map((mark) => mark.textContent).join('') === 'AAA'")
    page.get_by_text("Less likely than").wait_for()
    assert page.locator(".heat canvas").evaluate("canvas => [canvas.width, canvas.height]") == [8, 8]


def test_pasted_images_are_a_and_then_b(opened: Open) -> None:
    page = opened("ladder")
    for seed, letter in enumerate("ab", start=1):
        page.evaluate("""(content) => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([new Uint8Array(content)], "mine.png", { type: "image/png" }));
          document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData }));
        }""", list(files.encoded(files.noise(seed, (30, 30)))))  # fmt: skip
        until(page, f"""location.hash.includes('"{letter}"') || location.hash.includes('%22{letter}%22:')""")
    view = view_of(page)
    assert view["a"] != view["b"] and view["levels"] == [{"source": "a"}] * 3


def test_from_a_to_b_each_level_goes_its_way(opened: Open) -> None:
    page = opened("ladder")
    for letter in "AB":
        page.get_by_role("button", name=f"Image {letter} from the data").click()
        page.get_by_role("button", name=f"Image {'1' if letter == 'A' else '2'} of the data", exact=True).click()
    page.get_by_role("button", name="Take level 3, 50 % B").click()
    assert view_of(page)["levels"] == [{"source": "a"}, {"source": "a"}, {"source": "between"}]
    page.locator("[data-level='1']").get_by_label("A to B").fill("1")
    assert view_of(page)["levels"][0] == {"share": 1, "source": "between"}
    page.get_by_role("button", name="Remove image B").click()
    assert view_of(page)["levels"] == [{}, {"source": "a"}, {}]


def test_an_image_is_drawn_by_hand(opened: Open) -> None:
    page = opened("ladder")
    page.get_by_role("button", name="Draw image A").click()
    drag(page, ".sheet", (0.3, 0.2), (0.3, 0.8), (0.7, 0.8))
    page.get_by_role("button", name="Use it").click()
    until(page, "location.hash.includes('source')")
    assert view_of(page)["levels"][0] == {"source": "a"}


def test_neighbours_and_pictures_are_views_to_take(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("ladder", {"levels": [{"lock": True}, {}, {}]})
    page.get_by_role("button", name="Take neighbour 3").click()
    assert view_of(page)["levels"] == [{"lock": True}, {"draw": 3}, {"draw": 3}]
    page.get_by_role("button", name="Take draw 5 of level 2").click()
    view = view_of(page)
    assert view["levels"] == [{"lock": True}, {"draw": 5}, {"draw": 3}]
    np.testing.assert_array_equal(seen(page), made(runs["ladder"], view))
    with page.expect_response("**/sweep"):
        page.locator("[data-level='3']").get_by_role("button", name="Pictures").click()


def test_larger_levels_have_sliders_and_a_pad_of_two_axes(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("chain")
    page.locator("[data-level='1'] .sliders input").first.fill("1.5")
    view = view_of(page)
    assert list(view["levels"][0]["units"].values()) == [1.5]
    drag(page, "[data-level='1'] .pad", (0.5, 0.5), (0.8, 0.6))
    moved = view_of(page)
    assert len(moved["levels"][0]["units"]) == 5
    np.testing.assert_array_equal(seen(page), made(runs["chain"], moved))
    drag(page, "[data-level='3'] .pad", (0.5, 0.5), (0.75, 0.6))
    assert view_of(page)["levels"][2]["units"] == {"0": pytest.approx(1.5, abs=0.05)}


def test_what_a_hand_does_before_the_server_has_told_what_levels_hold_is_not_lost(opened: Open) -> None:
    asked: list[Route] = []
    page = opened("chain", held=asked)
    page.locator("[data-level='1'] .sliders input").first.fill("1.5")
    drag(page, "[data-level='3'] .pad", (0.5, 0.5), (0.75, 0.6))
    assert asked and "units" not in page.url
    page.unroute("**/where")  # what was held goes on
    first, _, last = view_of(page)["levels"]
    assert list(first["units"].values()) == [1.5] and last["units"] == {"0": pytest.approx(1.5, abs=0.05)}
    assert page.locator("[data-level='1'] .sliders output").first.inner_text() == "1.50"


def test_the_brush_draws_anew_what_is_under_it(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("maps")
    before = seen(page)
    field = page.locator("[data-level='1'] .field")
    field.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    view = view_of(page)
    brush = view["levels"][0]["brush"]
    assert [i for i, draw in enumerate(brush) if draw] == [len(brush) ** 0.5 + 1]
    after = seen(page)
    np.testing.assert_array_equal(after, made(runs["maps"], view))
    assert not np.array_equal(before, after)
    drag(page, "[data-level='1'] .field", (0.6, 0.9), (0.9, 0.9))
    assert sum(draw > 0 for draw in view_of(page)["levels"][0]["brush"]) > 1


def test_pixels_are_painted_row_by_row_and_the_rest_changed(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("pixels")
    first = seen(page)
    np.testing.assert_array_equal(first, made(runs["pixels"], {}))
    page.get_by_label("Rows that stay").fill("4")
    kept = seen(page)
    np.testing.assert_array_equal(kept[:4], first[:4])
    page.get_by_role("button", name="Change the rest").click()
    changed = seen(page)
    np.testing.assert_array_equal(changed[:4], first[:4])
    assert not np.array_equal(changed[4:], kept[4:])
    page.get_by_role("button", name="Paint anew").click()
    assert "known" not in view_of(page)


def test_painting_is_stopped_and_goes_on_from_there(opened: Open) -> None:
    page = opened("pixels")
    page.emulate_media(reduced_motion="no-preference")  # rows come slowly enough to stop
    page.evaluate("""() => {
      const all = [...document.querySelectorAll("button")];
      const [stop] = all.filter((button) => button.textContent === "Stop");
      const stopping = new MutationObserver(() => {
        if (!document.body.textContent.includes("row 3 of 8")) return;
        stopping.disconnect();
        stop.click();
      });
      stopping.observe(document.body, { subtree: true, childList: true });
    }""")
    page.get_by_role("button", name="Paint anew").click()
    page.get_by_text("stopped after row").wait_for()
    page.get_by_role("button", name="Change the rest").click()
    assert view_of(page)["known"] == TOP_THREE


def test_a_mask_is_painted_and_the_image_completed(opened: Open) -> None:
    page = opened("pixels")
    page.get_by_role("button", name="Image A from the data").click()
    page.get_by_role("button", name="Image 1 of the data", exact=True).click()
    drag(page, ".mask", (0.06, 0.94), (0.94, 0.94))
    known = view_of(page)["known"]
    assert known and known != "__________8"
    page.get_by_role("button", name="Complete it eight times").click()
    page.get_by_text("8 completions, drawn exactly").wait_for()
    assert page.locator(".completions canvas").count() == 9  # and where they differ
    page.get_by_role("button", name="Hide the top").click()
    page.get_by_role("button", name="Complete it eight times").click()
    page.get_by_text("chosen from 200 by weight").wait_for()


def test_a_model_with_levels_completes_too_and_keeps_its_picture(opened: Open) -> None:
    page = opened("ladder")
    page.get_by_role("button", name="Image A from the data").click()
    page.get_by_role("button", name="Image 1 of the data", exact=True).click()
    before = seen(page)
    page.get_by_role("button", name="Hide the left").click()
    np.testing.assert_array_equal(seen(page), before)
    page.get_by_role("button", name="Complete it eight times").click()
    page.get_by_text("chosen from 200 by weight").wait_for()
    assert page.locator(".completions canvas").count() == 9


def test_a_model_that_completes_images_starts_with_one_and_follows_its_mask(
    opened: Open, runs: dict[str, Attached]
) -> None:
    page = opened("completes")
    first, view = seen(page), view_of(page)
    assert view["a"] and view["known"] and view["levels"] == [{}, {}, {}]
    np.testing.assert_array_equal(first, made(runs["completes"], view))
    page.get_by_role("button", name="Hide the bottom").click()
    half, image = seen(page), strict.packed(view["a"], "a", 64)
    np.testing.assert_array_equal(half[:4].ravel(), np.rint(np.frombuffer(image, np.uint8)[:32] / 16 * 255))
    page.get_by_role("button", name="New draw").first.click()
    drawn = seen(page)
    np.testing.assert_array_equal(drawn[:4], half[:4])
    assert not np.array_equal(drawn[4:], half[4:])
    page.get_by_role("button", name="Complete it eight times").click()
    page.get_by_text("8 completions, drawn exactly").wait_for()
    page.get_by_text("what is hidden given what is known").wait_for()
    page.get_by_role("button", name="Image A from the data").click()
    page.get_by_role("button", name="Image 2 of the data", exact=True).click()
    until(page, f"!location.hash.includes({json.dumps(view['a'])})")
    assert view_of(page)["known"] == TOP_HALF and view_of(page)["levels"][0]["draw"] > 0
    page.reload()
    page.wait_for_selector("canvas.live[data-view]")
    np.testing.assert_array_equal(seen(page), made(runs["completes"], view_of(page)))


def test_everything_is_done_with_the_keyboard_alone(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("ladder")
    page.keyboard.press("3")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Level 3, place of its code"
    until(page, "document.activeElement.getAttribute('aria-disabled') === 'false'")
    start = float(page.evaluate("document.activeElement.getAttribute('aria-valuenow')"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Tab")  # settles it
    view = view_of(page)
    assert view["levels"][2]["units"]["0"] == pytest.approx(start + 0.1, abs=0.02)
    np.testing.assert_array_equal(seen(page), made(runs["ladder"], view))
    page.keyboard.press("l")
    assert view_of(page)["levels"][2]["lock"]
    page.keyboard.press("r")
    drawn = view_of(page)
    assert drawn["levels"][2] == {**view["levels"][2], "lock": True} and drawn["levels"][0]["draw"] > 0
    page.keyboard.press("Control+z")
    assert view_of(page)["levels"][0] == {}
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
    wanted = {"New draw", "Copy link", "Copy as Python", "Others", "Level 1, place of its code", "Temperature", "Zero"}
    assert wanted <= reached, wanted - reached


def test_the_python_and_the_files_are_taken_away(opened: Open, runs: dict[str, Attached], tmp_path: Path) -> None:
    page = opened("ladder")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Python").click()
    page.get_by_text("Python script copied").wait_for()
    assert "stratiform.load" in page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Download as PNG").click()
    with Image.open(arriving.value.path()) as picture:
        np.testing.assert_array_equal(np.asarray(picture)[::64, ::64], made(runs["ladder"], {}))
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Download as NPZ").click()
    assert np.load(io.BytesIO(Path(arriving.value.path()).read_bytes()))["image"].shape == (1, 1, 8, 8)


def test_new_weights_are_shown_without_a_reload(opened: Open, runs: dict[str, Attached]) -> None:
    page = opened("chain")
    before = seen(page)
    runs["chain"].run.write_weights(scaled(load(runs["chain"].run).model, 1.3), 61)
    page.get_by_text("new weights, of step 61").wait_for()
    until(page, "document.querySelector('#subtitle').textContent.includes('61')")
    end = time.monotonic() + 20
    while np.array_equal(seen(page), before):
        assert time.monotonic() < end, "the old picture stays"


def test_a_run_that_has_no_weights_yet_is_waited_for(opened: Open, runs: dict[str, Attached]) -> None:
    weights = runs["young"].run.weights
    away = weights.rename(weights.with_name("away"))
    writing = threading.Timer(4.0, lambda: away.rename(weights))
    writing.start()
    assert view_of(opened("young")) == {"levels": [{}, {}]}
    writing.join()


def test_an_address_of_another_model_is_not_followed(opened: Open) -> None:
    page = opened("ladder", {"levels": [{}]})
    assert view_of(page) == {"levels": [{}, {}, {}]}


@pytest.mark.parametrize(
    ("run", "scheme", "width"),
    [
        ("ladder", "light", 1280),
        ("ladder", "dark", 390),
        ("chain", "light", 390),
        ("pixels", "dark", 1280),
        ("maps", "light", 1280),
        ("completes", "light", 820),
    ],
)
def test_readers_with_other_senses_find_no_serious_fault(opened: Open, run: str, scheme: str, width: int) -> None:
    page = opened(run, width=width, height=844)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.get_by_role("button", name="Image A from the data").click()
    page.get_by_role("button", name="Image 1 of the data", exact=True).click()
    page.get_by_text(
        "a model that completes images does not say" if run == "completes" else "Less likely than"
    ).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then((told) => told.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
    assert not [each for each in found if each[0] in ("serious", "critical")]
