"""Views: strict to and from JSON, and what they give the levels of a model."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import stratiform
from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Hierarchy, Level
from stratiform.core.model import LatentModel
from stratiform.core.posterior import Absent
from stratiform.distributions import Distribution, Gaussian, Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.explore import noise
from stratiform.explorer import strict
from stratiform.explorer.picture import encoder, held, images, picture, pixels, shown, stays, tensor
from stratiform.explorer.view import Choice, View, between, neighbours
from stratiform.spec import ImageSpec
from zoo import ZOO, build

SPEC, SHAPES = ImageSpec(1, 2, 3, 17), ((2,), (3,), (2, 2, 3))
NAME = "hvae, shortcut, bottom-up"  # levels whose priors depend on those above


class Map(Level):
    """z [C, H, W], added to what comes from above."""

    shape = (2, 3, 3)

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return Gaussian.standard(self.shape, h), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        return h + z


def maps() -> LatentModel:
    """One level of 3 x 3 positions; each of them is 2 x 2 pixels of the image, and nothing else."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 1, 1), nn.Upsample(scale_factor=2))
    head = Head(Likelihood(name="laplace"), ImageSpec(1, 6, 6, 256))
    return LatentModel(Hierarchy([Map()], top=(2, 3, 3)), Absent(), Factorised(network, head)).eval()


def nobody(image: bytes, hold: str, known: bytes) -> tuple[Tensor, ...]:
    raise AssertionError("no image is asked for")


choices = st.builds(
    Choice,
    source=st.sampled_from(["draw", "zero"]),
    draw=st.integers(0, 2**53 - 1),
    units=st.dictionaries(st.integers(0, 1), st.floats(-10, 10)).map(lambda d: tuple(sorted(d.items()))),
    temperature=st.floats(0, 4),
    lock=st.booleans(),
)


@given(st.tuples(choices, choices, choices), st.integers(0, 2**53 - 1), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_view_comes_back_from_its_json_and_is_written_in_one_way(
    levels: tuple[Choice, ...], seed: int, brushed: bool
) -> None:
    if brushed:
        levels = (*levels[:2], replace(levels[2], brush=(0, 1, 0, 2, 0, 0)))
    view = View(levels=levels, seed=seed, a=bytes(range(6)), known=bytes([0, 1, 1, 0, 0, 1]))
    again = View.from_json(json.loads(view.canonical()), SPEC, SHAPES)
    assert again == view and again.canonical() == view.canonical()


def test_of_a_view_of_which_nothing_is_said_nothing_is_written() -> None:
    assert View.from_json({}, SPEC, SHAPES).canonical() == '{"levels":[{},{},{}]}'


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "view is a list; give an object"),
        ({"sed": 1}, 'view has no field "sed"'),
        ({"seed": True}, "seed is true; give a whole number"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.0}, "seed is 1.0"),
        ({"seed": 10**400}, "seed is a huge number"),
        ({"temperature": 5}, "temperature is 5; give a number from 0 to 4"),
        ({"temperature": float("nan")}, "temperature is not finite"),
        ({"levels": [{}]}, "levels is 1 entries; give a list of 3"),
        ({"levels": [{}, {}, 3]}, "level 3 is a number"),
        ({"levels": [{"source": "c"}, {}, {}]}, 'level 1, source is "c"; give one of draw, zero, a, b, between'),
        (
            {"levels": [{"units": {"2": 0}}, {}, {}]},
            "level 1, units names a unit that is not there; this level has 0 to 1",
        ),
        ({"levels": [{"units": {"01": 0}}, {}, {}]}, "names a unit"),
        ({"levels": [{"units": {"0": 11}}, {}, {}]}, "level 1, units, 0 is 11; give a number from -10 to 10"),
        ({"levels": [{"units": [1]}, {}, {}]}, "is no object"),
        ({"levels": [{"brush": [1]}, {}, {}]}, "brush is for levels of positions"),
        ({"levels": [{}, {}, {"brush": [1]}]}, "level 3, brush is 1 entries; give a list of 6"),
        ({"levels": [{"hold": "value"}, {}, {}]}, "level 1 holds its value, which no draw"),
        ({"levels": [{"source": "a"}, {}, {}]}, "level 1 takes from image a, but there is none"),
        ({"levels": [{"source": "between"}, {}, {}], "a": "AAAAAAAA"}, "takes from image b"),
        ({"levels": [{"lock": 1}, {}, {}]}, "lock is 1; give true or false"),
        ({"a": "AAAA"}, "a is 4 characters; give 6 bytes in base64url, 8 characters"),
        ({"a": "AAA/AAAA"}, "a is not base64url"),
        ({"a": "____AAAA"}, "a holds the grey level 255; this model has 17"),
        ({"a": "AAAAAAAA", "known": "_w"}, "known has bits beyond its 6 pixels"),
        ({"known": "AA"}, "known says which pixels of image a stay, but there is none"),
    ],
)
def test_what_cannot_be_a_view_is_refused_in_one_sentence(given: object, told: str) -> None:
    with pytest.raises(UserError) as refused:
        View.from_json(given, SPEC, SHAPES)
    assert told in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b'{"a":1,"a":2}', b"[" * 10**5, b"1" * 5000])
def test_only_strict_json_is_read(body: bytes) -> None:
    with pytest.raises(UserError):
        strict.parsed(body)


@pytest.mark.parametrize("bins", [2, 17, 256, None])
def test_bytes_become_images_and_come_back(bins: int | None) -> None:
    spec = ImageSpec(3, 2, 4, bins)
    k = torch.arange(spec.dimensions) * 7 % (bins or 256)
    x = tensor(bytes(k.tolist()), spec)
    spec.check(x)
    assert pixels(x, spec) == bytes(k.tolist())


def test_a_level_holds_what_its_choice_says() -> None:
    model, spec = build(NAME), ZOO[NAME][2]
    a, b = bytes([3] * spec.dimensions), bytes([8] * spec.dimensions)
    view = View(
        levels=(
            Choice(source="a", temperature=0.5),
            Choice(source="between", share=0.25, hold="value"),
            Choice(draw=4, units=((1, -1.5),)),
        ),
        seed=3,
        a=a,
        b=b,
    )
    found = held(model, [view, view], encoder(model, spec))
    of_a, of_b = (stratiform.encode(model, tensor(image, spec), "value").held[1] for image in (a, b))
    noise_of_a = stratiform.encode(model, tensor(a, spec)).held[0]
    drawn = noise(model, 1, 3, 4)[2]
    assert torch.equal(found.noise[0], 0.5 * noise_of_a.expand(2, -1))
    assert torch.equal(found.values[1], (0.75 * of_a + 0.25 * of_b).expand(2, -1))
    assert torch.equal(found.noise[2], torch.stack([drawn[0, 0], torch.tensor(-1.5).double()]).expand(2, -1))
    assert set(found.noise) == {0, 2} and set(found.values) == {1}


def test_all_of_image_a_is_its_reconstruction() -> None:
    model, spec = build(NAME), ZOO[NAME][2]
    a = bytes(i % 9 for i in range(spec.dimensions))
    for hold in ("noise", "value"):
        view = View(levels=(Choice(source="a", hold=hold),) * 3, a=a)  # type: ignore[arg-type]
        expected = stratiform.encode(model, tensor(a, spec)).decode().mean
        torch.testing.assert_close(picture(model, view, spec, encoder(model, spec)), expected, rtol=0, atol=1e-12)


def test_the_brush_changes_the_image_under_it_and_nowhere_else() -> None:
    model = maps()
    brush = (0, 0, 0, 0, 5, 0, 0, 0, 0)
    before, after = images(model, [View(levels=(Choice(brush=b),)) for b in ((), brush)], SPEC, nobody)
    changed = (before != after)[0]
    assert changed[2:4, 2:4].all() and changed.sum() == 4
    held_by = held(model, [View(levels=(Choice(brush=brush),))], nobody).noise[0]
    assert torch.equal(held_by[0, :, 1, 1], noise(model, 1, 0, 5)[0][0, :, 1, 1])


def test_neighbours_draw_free_levels_anew_and_leave_locked_ones() -> None:
    locked, free = Choice(units=((0, 1.0),), lock=True), Choice(source="zero", temperature=0.5)
    found = neighbours(View(levels=(locked, free)), 3, first=7)
    assert [view.levels[0] for view in found] == [locked] * 3
    assert [view.levels[1] for view in found] == [Choice(draw=draw, temperature=0.5) for draw in (7, 8, 9)]


def test_the_way_from_a_to_b_moves_one_level_or_all() -> None:
    view = View(levels=(Choice(), Choice()), a=b"1", b=b"2")
    rows = between(view, 1, 3)
    assert [row.levels[1].share for row in rows] == [0, 0.5, 1]
    assert all(row.levels[0] == Choice(source="a") for row in rows)
    assert all(choice.source == "between" for row in between(view, None, 2) for choice in row.levels)
    with pytest.raises(UserError, match="takes two images"):
        between(View(levels=(Choice(),), a=b"1"), None, 2)


def test_known_pixels_stay_where_pixels_are_drawn_and_change_nothing_elsewhere() -> None:
    name = "pixelcnn, 5x6"
    model, spec = build(name), ZOO[name][2]
    a, known = bytes([16] * 30), bytes([1] * 12 + [0] * 18)
    made = picture(model, View(levels=(), a=a, known=known), spec, nobody)
    assert torch.equal(made[0, 0][stays(known, spec)], torch.ones(12).double())
    assert not torch.equal(made, picture(model, View(levels=(), a=a, known=known, seed=1), spec, nobody))
    vae, of_vae = build("vae, digits-like"), ZOO["vae, digits-like"][2]
    plain, masked = View(levels=(Choice(),)), View(levels=(Choice(),), a=bytes(64), known=bytes(64))
    assert torch.equal(picture(vae, plain, of_vae, nobody), picture(vae, masked, of_vae, nobody))


def test_screens_get_256_grey_levels() -> None:
    assert shown(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0, 0, 128, 255, 255]
