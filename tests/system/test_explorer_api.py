"""The explorer's API on trained runs: what it answers, and what it refuses."""

import gzip
import io
import json
import os
import runpy
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

import images as files
from stratiform.explorer import strict
from stratiform.explorer.app import application
from stratiform.explorer.attached import attached
from stratiform.explorer.limits import Limits
from stratiform.models.chain import Chain
from stratiform.models.conditional import ConditionalMatNet
from stratiform.models.hvae import HVAE
from stratiform.models.matnet import Modules
from stratiform.models.pixelcnn import PixelCNN
from stratiform.training.run import Run, load
from system.conftest import Say
from tiny import scaled, tiny, untrained

A = "AAMPEBAEAAAACw4IBQsAAAAEEAYADgMAAAANEBAQAwAAAAEJCgsFAAAAAwAADwcAAAAJDgUKCAAAAAgNDxAFAA"
B = strict.unpacked(bytes(range(16)) * 4)
TOP_HALF = strict.unpacked(bytes([255] * 4 + [0] * 4))
Body = dict[str, Any]
FUZZED = int(os.environ.get("STRATIFORM_FUZZED", 250))  # requests; 5000 take minutes


@pytest.fixture(scope="module")
def pixels(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = PixelCNN(width=8, blocks=1, kernel=3)
    return untrained(tmp_path_factory.mktemp("runs") / "pixels", tiny(model=model), gain=0.5)


@pytest.fixture(scope="module")
def chain(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three levels of 5, 3 and 1 units, each prior depending on the level above."""
    model = HVAE(latents=(5, 3, 1), network=Chain(hidden=(16, 8)))
    return untrained(tmp_path_factory.mktemp("runs") / "chain", tiny(model=model))


@pytest.fixture(scope="module")
def completes(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three levels of what is hidden, given what is known: 2 x 4 x 4, 2 x 2 x 2, and two units."""
    network = Modules(depth=(1, 1), channels=(4, 4), stem=3, hidden=8)
    recipe = tiny(model=ConditionalMatNet(latent=2, units=(2, 2), network=network))
    return untrained(tmp_path_factory.mktemp("runs") / "completes", recipe)


@pytest.fixture(scope="module")
def client(trained: Path, pixels: Path, chain: Path, completes: Path) -> Iterator[TestClient]:
    app = application(attached([trained, pixels, chain, completes]), Limits(rate=1e9, burst=1e9))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, path: str, body: object, run: str = "trained") -> Any:
    answer = client.post(f"/api/runs/{run}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def picture(client: TestClient, view: Body, run: str = "trained") -> np.ndarray:
    """Float32 [C, H, W]"""
    return np.load(io.BytesIO(post(client, "npz", {"view": view}, run).content))["image"][0]


def test_the_page_finds_its_runs_and_their_levels(client: TestClient) -> None:
    names = [run["name"] for run in client.get("/api/runs").json()["runs"]]
    assert names == ["trained", "pixels", "chain", "completes"]
    told = client.get("/api/runs/chain").json()
    assert [(level["kind"], level["units"]) for level in told["levels"]] == [("units", 5), ("units", 3), ("pad", 1)]
    assert told["spec"] == {"channels": 1, "height": 8, "width": 8, "bins": 17} and not told["free"]
    assert client.get("/api/runs/trained").json()["free"]
    assert client.get("/api/runs/pixels").json()["draws_pixels"]
    assert client.get("/api/runs/trained/progress").json()["logged"] == 6


def test_codes_lie_on_two_axes_of_length_one(client: TestClient) -> None:
    told = client.get("/api/runs/chain/codes").json()
    for level, units in zip(told["levels"], (5, 3, 1), strict=True):
        axes = np.array(level["axes"])
        assert axes.shape == (min(units, 2), units)
        np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-3)
        assert np.array(level["points"]).shape == (told["images"], min(units, 2))
        assert sorted(level["order"]) == list(range(units)) and level["kl"] >= 0
    assert len(told["factors"]["label"]["values"]) == told["images"]
    more = client.get("/api/runs/chain/factors").json()["factors"]
    assert {"label", "thickness", "slant"} <= set(more)


def test_an_example_is_placed_where_its_code_lies(client: TestClient) -> None:
    codes = client.get("/api/runs/chain/codes").json()
    told = client.get("/api/runs/chain/examples?first=3&count=2").json()
    assert told["of"] == codes["images"] and len(told["images"]) == 2
    view = {"a": told["images"][0], "levels": [{"source": "a"}] * 3}
    held = post(client, "where", {"views": [view]}, "chain").json()["views"][0]["levels"]
    for level, own in zip(codes["levels"], held, strict=True):
        np.testing.assert_allclose(np.array(level["axes"]) @ own, level["points"][3], atol=5e-3)


def test_a_png_is_the_picture_of_the_view(client: TestClient) -> None:
    view = {"seed": 5, "levels": [{"units": {"0": 1.5}}, {}, {"source": "zero"}]}
    answer = post(client, "picture", {"view": view, "scale": 3})
    assert answer.headers["content-type"] == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert shown.shape == (24, 24)
    np.testing.assert_array_equal(shown[::3, ::3], np.rint(picture(client, view)[0] * 255))
    plain = post(client, "pixels", {"view": view})
    assert plain.headers["content-type"] == "application/octet-stream"
    np.testing.assert_array_equal(np.frombuffer(plain.content, np.uint8).reshape(8, 8), shown[::3, ::3])


BOTH = {"a": A, "b": B}
SCRIPTED: list[tuple[str, list[Body], Body]] = [
    ("trained", [{}, {}, {}], {}),
    ("trained", [{"draw": 3}, {"units": {"1": -0.1234}, "temperature": 0.7}, {"source": "zero"}], {"seed": 2**53 - 1}),
    ("trained", [{"source": "a"}, {"source": "b"}, {"source": "between", "share": 0.3}], BOTH),
    (
        "chain",
        [{"source": "a", "hold": "value"}, {"units": {"2": 1}, "draw": 9}, {"source": "b", "temperature": 3}],
        BOTH,
    ),
    ("chain", [{}, {"source": "between", "share": 0.1, "hold": "value", "units": {"0": 2}}, {}], BOTH),
    ("pixels", [], {"seed": 4, "temperature": 0.8}),
    ("pixels", [], {"seed": 4, "a": A, "known": TOP_HALF}),
    ("completes", [{}, {"draw": 3, "brush": [7, 0, 0, 0]}, {"units": {"1": 0.5}}], {"a": A, "known": TOP_HALF}),
    ("completes", [{"source": "a"}, {"source": "between", "hold": "value"}, {}], {**BOTH, "known": TOP_HALF}),
    ("completes", [{}, {}, {}], {"a": A}),
]


@pytest.mark.parametrize(("run", "levels", "more"), SCRIPTED)
def test_copied_as_python_a_view_makes_the_same_picture_bit_for_bit(
    client: TestClient, run: str, levels: list[Body], more: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = {"levels": levels, **more}
    text = post(client, "python", {"view": view}, run).json()["python"]
    (tmp_path / "view.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("view.py")
    np.testing.assert_array_equal(np.load("picture.npz")["image"][0], picture(client, view, run))


def test_neighbours_keep_what_is_locked(client: TestClient) -> None:
    view = {"levels": [{"lock": True, "units": {"0": 1}}, {}, {}]}
    told = post(client, "neighbours", {"view": view, "count": 4, "first": 2}).json()
    assert told["shape"] == [4, 1, 8, 8] and len({json.dumps(v) for v in told["views"]}) == 4
    assert all(v["levels"][0] == {"lock": True, "units": {"0": 1.0}} for v in told["views"])
    shown = np.frombuffer(strict.packed(told["pixels"], "pixels", 256), np.uint8).reshape(4, 8, 8)
    np.testing.assert_allclose(shown[2], picture(client, told["views"][2])[0] * 255, atol=0.51)


@pytest.mark.parametrize(("level", "axes"), [(1, 2), (2, 2), (3, 1)])
def test_a_sweep_is_a_grid_along_the_levels_axes_and_leaves_the_others(
    client: TestClient, level: int, axes: int
) -> None:
    own = client.get("/api/runs/chain/codes").json()["levels"][level - 1]["axes"]
    view = {"levels": [{"draw": 1}, {"draw": 2}, {"draw": 3}]}
    told = post(client, "sweep", {"view": view, "level": level, "cells": 3, "reach": 2}, "chain").json()
    assert len(told["views"]) == told["shape"][0] == 3**axes
    held = [each["levels"] for part in (told["views"][:8], told["views"][8:]) if part
            for each in post(client, "where", {"views": part}, "chain").json()["views"]]  # fmt: skip
    places = np.array([np.array(own) @ each[level - 1] for each in held])
    expected = [(x, y) for y in (2, 0, -2) for x in (-2, 0, 2)] if axes == 2 else [(-2,), (0,), (2,)]
    np.testing.assert_allclose(places, expected, atol=1e-3)
    off = np.array([each[level - 1] for each in held]) - places @ np.array(own)
    assert np.ptp(off, axis=0).max() < 1e-3  # what is not along the axes stays
    assert all(a[other] == b[other] for a, b in pairwise(held) for other in {0, 1, 2} - {level - 1})


def test_between_a_and_b_there_is_a_way_in_all_levels_and_one_in_each(client: TestClient) -> None:
    told = post(client, "between", {"view": {"a": A, "b": B}, "steps": 3}).json()
    assert told["shape"][0] == 4 * 3
    ends = [picture(client, {"a": A, "b": B, "levels": [{"source": s}] * 3}) for s in "ab"]
    np.testing.assert_allclose(picture(client, told["views"][0]), ends[0], atol=1e-6)
    np.testing.assert_allclose(picture(client, told["views"][2]), ends[1], atol=1e-6)
    np.testing.assert_allclose(picture(client, told["views"][3]), ends[0], atol=1e-6)


def test_an_image_file_is_seen_as_the_model_sees_images(client: TestClient, trained: Path) -> None:
    file = files.encoded(files.noise(3, (40, 30), channels=3), "JPEG")
    answer = client.post("/api/runs/trained/image", content=file, headers={"content-type": "image/jpeg"})
    assert answer.status_code == 200
    found = strict.packed(answer.json()["image"], "image", 64)
    assert max(found) <= 16 and len(set(found)) > 3


def test_an_image_is_scored_level_by_level_and_pixel_by_pixel(client: TestClient) -> None:
    told = post(client, "score", {"image": A}).json()
    assert len(told["level_bits"]) == 3 and np.array(told["pixel_bits"]).shape == (8, 8)
    assert told["bits_per_dim"] == pytest.approx(-told["bound"] / 64 / np.log(2))
    assert told["kept"]["shape"] == [4, 1, 8, 8]
    exact = post(client, "score", {"image": A}, "pixels").json()
    assert exact["level_bits"] == [] and exact["kept"] is None
    assert np.sum(exact["pixel_bits"]) == pytest.approx(64 * exact["bits_per_dim"], rel=1e-5)


def test_a_strange_image_scores_above_usual_ones(client: TestClient) -> None:
    checkers = strict.unpacked(bytes([0, 16] * 4 + [16, 0] * 4) * 4)
    told = post(client, "strangeness", {"image": checkers}).json()["scores"]
    assert [each["name"] for each in told] == ["-bound", "llr_1", "llr_2"]
    assert told[0]["above"] > 0.8 and told[0]["of"] > 5


def lines(answer: Any) -> list[Body]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_picture_grows_row_by_row_into_that_of_its_view(client: TestClient) -> None:
    view = {"seed": 9, "a": A, "known": TOP_HALF}
    said = lines(post(client, "paint", {"view": view}, "pixels"))
    assert [each.get("rows") for each in said] == [*range(1, 9), None] and said[-1]["done"]
    whole = np.frombuffer(strict.packed(said[-1]["image"], "image", 64), np.uint8)
    np.testing.assert_array_equal(whole, np.rint(picture(client, view, "pixels") * 16).ravel())
    np.testing.assert_array_equal(whole[:32], np.frombuffer(strict.packed(A, "a", 64), np.uint8)[:32])


def test_completions_keep_what_is_known_and_tell_their_spread(client: TestClient) -> None:
    said = lines(post(client, "complete", {"view": {"a": A, "known": TOP_HALF}, "count": 4}, "pixels"))
    assert [each["drawn"] for each in said[:-1]] == pytest.approx([i / 8 for i in range(1, 9)])
    found = said[-1]
    assert found["exact"] and len(found["images"]) == 4
    spread = np.array(found["spread"])
    assert spread[:4].max() == 0 < spread[4:].max()
    scattered = strict.unpacked(bytes([0b10101010] * 8))
    body = {"view": {"a": A, "known": scattered}, "count": 4, "particles": 20}
    assert not lines(post(client, "complete", body, "pixels"))[-1]["exact"]


def test_models_with_levels_complete_by_weighted_particles(client: TestClient) -> None:
    body = {"view": {"a": A, "known": TOP_HALF}, "count": 4, "particles": 30}
    found = lines(post(client, "complete", body))[-1]
    kept = np.frombuffer(strict.packed(A, "a", 64), np.uint8)[:32]
    own = [np.frombuffer(strict.packed(image, "image", 64), np.uint8) for image in found["images"]]
    assert not found["exact"] and 1 <= found["effective"] <= 30
    assert all(np.array_equal(image[:32], kept) for image in own) and found["distinct"] > 1


def test_weights_that_change_are_read_again(copied: Path) -> None:
    app = application(attached([copied]))
    with TestClient(app, base_url="http://localhost") as client:
        before, version = picture(client, {}, "copied"), client.get("/api/runs/copied").json()["version"]
        Run.open(copied).write_weights(scaled(load(copied).model, 1.5), 7)
        assert not np.array_equal(before, picture(client, {}, "copied"))
        told = client.get("/api/runs/copied").json()
        assert told["version"] != version and told["step"] == 7
        (copied / "weights.safetensors").unlink()
        assert client.get("/api/runs/copied").status_code == 200  # the last ones stay


def test_a_run_that_has_no_weights_yet_is_waited_for(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "recipe.json").write_bytes((trained / "recipe.json").read_bytes())
    with TestClient(application(attached([tmp_path / "young"])), base_url="http://localhost") as client:
        answer = client.get("/api/runs/young")
        assert answer.status_code == 409 and "no weights yet" in answer.json()["error"]
        assert client.get("/api/runs/young/progress").json()["version"] is None


def test_without_its_images_a_run_is_explored_all_the_same(copied: Path) -> None:
    header = json.loads((copied / "recipe.json").read_text())
    header["recipe"]["data"]["source"] = "no-such-source"
    (copied / "recipe.json").write_text(json.dumps(header))
    with TestClient(application(attached([copied])), base_url="http://localhost") as client:
        assert picture(client, {}, "copied").shape == (1, 8, 8)
        answer = client.get("/api/runs/copied/codes")
        assert answer.status_code == 400 and "no source" in answer.json()["error"]


def test_a_model_that_completes_images_keeps_what_is_known_and_does_not_see_what_is_hidden(
    client: TestClient,
) -> None:
    told = client.get("/api/runs/completes").json()
    assert told["completes"] and not told["free"] and not client.get("/api/runs/trained").json()["completes"]
    kept = np.frombuffer(strict.packed(A, "a", 64), np.uint8)
    other = strict.unpacked(kept[:32].tobytes() + bytes(32))  # the same above, all black beneath
    first, again, drawn = (
        picture(client, {"a": image, "known": TOP_HALF, "levels": [{"draw": draw}] * 3}, "completes")[0]
        for image, draw in ((A, 0), (other, 0), (A, 1))
    )
    np.testing.assert_array_equal(first[:4], kept[:32].reshape(4, 8) / np.float32(16))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[4:] - drawn[4:]).max() > 1e-3
    told_a = picture(client, {"a": A, "known": TOP_HALF, "levels": [{"source": "a"}] * 3}, "completes")[0]
    told_other = picture(client, {"a": other, "known": TOP_HALF, "levels": [{"source": "a"}] * 3}, "completes")[0]
    assert np.abs(told_a - told_other).max() > 1e-4  # what image a has there is told by its hidden pixels


def test_of_what_is_hidden_a_completing_model_tells_its_bits(client: TestClient) -> None:
    told = post(client, "score", {"image": A, "known": TOP_HALF}, "completes").json()
    bits = np.array(told["pixel_bits"])
    assert (bits[:4] == 0).all() and (bits[4:] != 0).all() and len(told["level_bits"]) == 3
    assert told["bits_per_dim"] is None and told["bound"] < 0 and told["kept"]["shape"] == [4, 1, 8, 8]
    kept = np.frombuffer(strict.packed(told["kept"]["pixels"], "kept", 256), np.uint8).reshape(4, 8, 8)
    for upper, shown in enumerate(reversed(kept)):
        levels = [*[{}] * (3 - upper), *[{"source": "a"}] * upper]
        expected = picture(client, {"a": A, "known": TOP_HALF, "levels": levels}, "completes")[0]
        np.testing.assert_allclose(shown, expected * 255, atol=0.51)
    found = lines(post(client, "complete", {"view": {"a": A, "known": TOP_HALF}, "count": 4}, "completes"))[-1]
    assert found["exact"] and np.array(found["spread"])[:4].max() == 0 < np.array(found["spread"])[4:].max()


def test_what_a_completing_model_cannot_do_is_said_in_one_sentence(client: TestClient) -> None:
    for path, body, words in (
        ("picture", {}, "give image a, and known"),
        ("python", {"view": {"levels": [{}, {}, {}]}}, "give image a, and known"),
        ("strangeness", {"image": A}, "how likely a whole one is, it does not say"),
    ):
        answer = client.post(f"/api/runs/completes/{path}", json=body)
        assert answer.status_code == 400 and words in answer.json()["error"]


def test_images_of_the_data_come_with_what_a_completing_model_hides_of_them(client: TestClient) -> None:
    told = client.get("/api/runs/completes/examples?count=3").json()
    masks = [strict.packed(known, "known", 8) for known in told["known"]]
    assert len(masks) == 3 and all(bytes(8) < mask < bytes([255] * 8) for mask in masks)
    assert "known" not in client.get("/api/runs/trained/examples?count=3").json()


def test_two_runs_of_one_name_are_told_apart(trained: Path, copied: Path, tmp_path: Path) -> None:
    other = tmp_path / "else" / "trained"
    other.parent.mkdir()
    copied.rename(other)
    assert list(attached([trained, other])) == ["trained", "trained-2"]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def remarked(before: bytes, after: bytes) -> bytes:
    """A PNG with a remark between its parts, that unpacks to ten megabytes."""
    return before + chunk(b"zTXt", b"remark\0\0" + zlib.compress(bytes(10**7))) + after


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is this large, of a few hundred bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**5)))
        + chunk(b"IEND", b"")
    )


PNG = files.encoded(files.noise(0))
JSON_HEADERS, PNG_HEADERS = {"content-type": "application/json"}, {"content-type": "image/png"}
VIEW = "/api/runs/trained/picture"
FILE = "/api/runs/trained/image"
HOSTILE: dict[str, tuple[str, bytes, dict[str, str], int]] = {
    "huge json": (VIEW, b" " * (2**20 + 1), JSON_HEADERS, 413),
    "huge file": (FILE, bytes(16 * 2**20 + 1), PNG_HEADERS, 413),
    "truncated json": (VIEW, b'{"view": {"lev', JSON_HEADERS, 400),
    "truncated file": (FILE, PNG[:60], PNG_HEADERS, 400),
    "text for json": (VIEW, b"{}", {"content-type": "text/plain"}, 415),
    "json for a file": (FILE, b"{}", JSON_HEADERS, 415),
    "a file for json": (VIEW, PNG, PNG_HEADERS, 415),
    "text in a file": (FILE, b"hello", PNG_HEADERS, 400),
    "a page in a file": (FILE, b"<svg onload='alert(1)'/>", PNG_HEADERS, 400),
    "postscript": (FILE, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", PNG_HEADERS, 400),
    "pixels by the billion": (FILE, bomb(60000, 60000), PNG_HEADERS, 400),
    "narrow": (FILE, bomb(10**6, 1), PNG_HEADERS, 400),
    "a decompression bomb": (FILE, bomb(5000, 5001), PNG_HEADERS, 400),
    "a bomb in a remark": (FILE, remarked(PNG[:33], PNG[33:]), PNG_HEADERS, 400),
    "a bomb in a last remark": (FILE, remarked(PNG[:-12], PNG[-12:]), PNG_HEADERS, 400),
    "a zip bomb": (VIEW, gzip.compress(bytes(10**7)), JSON_HEADERS | {"content-encoding": "gzip"}, 400),
    "nan": (VIEW, b'{"view": {"levels": [{"units": {"0": NaN}}, {}, {}]}}', JSON_HEADERS, 400),
    "infinity by overflow": (VIEW, b'{"view": {"levels": [{"units": {"0": 1e999}}, {}, {}]}}', JSON_HEADERS, 400),
    "wrong shape": (VIEW, b'{"view": {"levels": [{"units": {"7": 0}}, {}, {}]}}', JSON_HEADERS, 400),
    "too few levels": (VIEW, b'{"view": {"levels": []}}', JSON_HEADERS, 400),
    "depth": (VIEW, b"[" * 200_000, JSON_HEADERS, 400),
    "a number of a million digits": (VIEW, b'{"scale": ' + b"9" * 10**6 + b"}", JSON_HEADERS, 400),
    "a key twice": (VIEW, b'{"view": {}, "view": {}}', JSON_HEADERS, 400),
    "not utf-8": (VIEW, b'{"view": "\xff"}', JSON_HEADERS, 400),
    "a huge picture": (VIEW, b'{"scale": 100000}', JSON_HEADERS, 400),
    "an image of another size": (VIEW, b'{"view": {"a": "AAAA"}}', JSON_HEADERS, 400),
    "a path as a run": ("/api/runs/..%2f..%2fetc%2fpasswd/picture", b"{}", JSON_HEADERS, 404),
    "a path as a file": ("/..%2f..%2fpyproject.toml", b"{}", JSON_HEADERS, 404),
    "a path in a field": (VIEW, b'{"view": {"run": "/etc/passwd"}}', JSON_HEADERS, 400),
    "foreign origin": (VIEW, b"{}", JSON_HEADERS | {"origin": "http://evil.example"}, 403),
    "foreign host": (VIEW, b"{}", JSON_HEADERS | {"host": "evil.example"}, 421),
    "another site's page": (VIEW, b"{}", JSON_HEADERS | {"sec-fetch-site": "cross-site"}, 403),
    "too many neighbours": ("/api/runs/trained/neighbours", b'{"count": 1000}', JSON_HEADERS, 400),
    "too fine a sweep": ("/api/runs/trained/sweep", b'{"level": 1, "cells": 1000}', JSON_HEADERS, 400),
    "no such level": ("/api/runs/trained/sweep", b'{"level": 0}', JSON_HEADERS, 400),
    "too many views": ("/api/runs/trained/where", b'{"views": [{},{},{},{},{},{},{},{},{}]}', JSON_HEADERS, 400),
    "painting what is not painted": ("/api/runs/trained/paint", b"{}", JSON_HEADERS, 400),
    "completing without an image": ("/api/runs/pixels/complete", b"{}", JSON_HEADERS, 400),
    "nothing known": (
        "/api/runs/pixels/complete",
        json.dumps({"view": {"a": A, "known": "AAAAAAAAAAA"}}).encode(),
        JSON_HEADERS,
        400,
    ),
    "a method that is not there": ("/api/runs", b"{}", JSON_HEADERS, 405),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_input_is_refused_in_one_sentence_and_the_server_goes_on(client: TestClient, kind: str) -> None:
    path, body, headers, status = HOSTILE[kind]
    answer = client.post(path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert list(told) == ["error"] and "\n" not in told["error"] and 5 < len(told["error"]) < 250
    assert client.post(VIEW, json={}).status_code == 200


def test_a_query_is_checked_too(client: TestClient) -> None:
    for query in ("first=-1", "first=x", "first=" + "9" * 50, "count=0", "count=1000", "first=²"):
        assert client.get(f"/api/runs/trained/examples?{query}").status_code == 400, query


def test_too_many_requests_are_refused(trained: Path) -> None:
    app = application(attached([trained]), Limits(rate=1.0, burst=3.0))
    with TestClient(app, base_url="http://localhost") as client:
        assert [client.get("/api/runs").status_code for _ in range(4)] == [200, 200, 200, 429]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
texts = st.sampled_from([A, B, TOP_HALF, "", "AAAA", "draw", "a", "between", "value", "noise", "zero", "é"])
amounts = st.integers(-2, 20) | st.floats() | st.sampled_from([2**53, 10**30, 1e308]) | st.booleans()
anything = junk | texts | amounts
names = ("source", "draw", "share", "hold", "units", "brush", "temperature", "lock")
choice = st.dictionaries(
    st.sampled_from(names), anything | st.dictionaries(st.sampled_from("0127"), amounts, max_size=2), max_size=3
)
view = anything | st.fixed_dictionaries(
    {},
    optional={
        "levels": st.lists(choice | anything, min_size=3, max_size=3) | st.lists(choice, max_size=3),
        "seed": anything,
        "temperature": anything,
        "a": texts | anything,
        "b": texts | anything,
        "known": texts | anything,
    },
)
body = st.fixed_dictionaries(
    {},
    optional={
        "view": view,
        "views": st.lists(view, max_size=3) | anything,
        "image": anything,
        **dict.fromkeys(("scale", "count", "first", "level", "cells", "reach", "steps", "particles"), anything),
    },
)
PICTURES = ("picture", "pixels", "npz", "neighbours", "sweep", "between", "paint", "complete")
ROUTES = (*PICTURES, "python", "where", "score", "image")


@given(
    run=st.sampled_from(["trained", "pixels", "chain", "completes"]),
    route=st.sampled_from(ROUTES),
    sent=st.one_of(body, body, view.map(lambda v: {"view": v}), junk),
)
@settings(max_examples=FUZZED, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_is_answered_or_refused_in_one_sentence(
    client: TestClient, run: str, route: str, sent: object
) -> None:
    answer = client.post(
        f"/api/runs/{run}/{route}", content=json.dumps(sent).encode(), headers={"content-type": "application/json"}
    )
    assert answer.status_code in (200, 400, 415), (answer.status_code, answer.text)
    if answer.status_code != 200:
        assert list(answer.json()) == ["error"] and "\n" not in answer.json()["error"]


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda tail: PNG[:40] + tail))
@settings(max_examples=FUZZED // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_file_is_sent_is_seen_or_refused(client: TestClient, file: bytes) -> None:
    answer = client.post(FILE, content=file, headers=PNG_HEADERS)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "is no run"),
        ((), "name a run"),
        (("RUN", "--port", 70000), "--port is 70000"),
        (("RUN", "--host", "no such host"), "no address"),
    ],
)
def test_wrong_use_is_told_before_anything_is_served(
    say: Say, trained: Path, words: tuple[Any, ...], told: str
) -> None:
    said = say("explore", *(trained if word == "RUN" else word for word in words))
    assert said.status == 2 and told in said.err and said.err.count("\n") == 1


def test_a_port_that_is_taken_is_told(say: Say, trained: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = say("explore", trained, "--port", taken.getsockname()[1])
    assert said.status == 1 and "choose another --port" in said.err


def test_another_source_is_refused_where_it_does_not_fit(trained: Path, tmp_path: Path) -> None:
    other = files.write_folder(tmp_path / "other", {f"{i}.png": files.noise(i, (5, 5)) for i in range(4)})
    with TestClient(application(attached([trained], str(other))), base_url="http://localhost") as client:
        answer = client.get("/api/runs/trained/codes")
        assert answer.status_code == 400 and "--source" in answer.json()["error"]
