"""Laws of adapters between a network's numbers and the codes of a domain."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from consistency.domains import DOMAINS, read_domain
from consistency.zoo.networks.adapters import Adapted, InputSpec, OutputSpec, read_spec
from consistency.zoo.networks.resizing import Resize, read_resize

DEPTH, NORMAL, RESHADING, RGB = (DOMAINS[name] for name in ("depth", "normal", "reshading", "rgb"))


def metres(codes: torch.Tensor) -> torch.Tensor:
    return DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** codes


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"range": (0.0, 255.0)},
        {"range": (1.0, -1.0)},
        {"physical": (0.0, 20.0)},
        {"physical": (0.05, 40.0), "scale": "log"},
        {"physical": (0.1, math.inf), "scale": "inverse"},
        {"mean": (0.5,), "std": (0.2,)},
        {"channels": 3},
        {"channels": 3, "order": "bgr", "mean": (0.1, 0.2, 0.3), "std": (1.0, 2.0, 3.0)},
        {"layout": "nhwc", "range": (-1.0, 1.0)},
    ],
)
def test_codes_come_back_as_they_were(fields):
    codes = torch.rand(2, 1, 6, 8) * 0.98 + 0.01
    back = OutputSpec(**fields).to_codes(InputSpec(**fields).to_numbers(codes, DEPTH), DEPTH, (6, 8))
    torch.testing.assert_close(back, codes, atol=2e-5, rtol=1e-4)


def test_a_plain_spec_changes_nothing_and_copies_nothing():
    codes = torch.rand(1, 3, 4, 4)
    assert InputSpec().to_numbers(codes, RGB) is codes and InputSpec().record == OutputSpec().record == {}


def test_metres_are_read_as_metres():
    numbers = torch.tensor([0.0, 0.5, 5.0, 10.0, 12.0]).view(1, 1, 1, 5)
    codes = OutputSpec(range=(0.0, 10.0), physical=(0.0, 10.0)).to_codes(numbers, DEPTH, (1, 5))
    torch.testing.assert_close(metres(codes).flatten(), torch.tensor([0.1, 0.5, 5.0, 10.0, 10.0]))


def test_disparity_is_read_as_depth():
    numbers = torch.tensor([1.0, 0.5, 0.1]).view(1, 1, 1, 3)  # of 1 / metres
    codes = OutputSpec(range=(1.0, 0.0), physical=(1.0, math.inf), scale="inverse").to_codes(numbers, DEPTH, (1, 3))
    torch.testing.assert_close(metres(codes).flatten(), torch.tensor([1.0, 2.0, 10.0]), rtol=1e-4, atol=1e-4)


def test_the_reference_s_unknown_depth_is_ours_and_the_other_way_round():
    fields = {"physical": (0.0, 15.625), "invalid": 1.0}
    codes = OutputSpec(**fields).to_codes(torch.tensor([0.5, 1.0, 1.7]).view(1, 1, 1, 3), DEPTH, (1, 3)).flatten()
    assert codes[1] == codes[2] == DEPTH.invalid
    torch.testing.assert_close(metres(codes[0]), torch.tensor(15.625 / 2))
    assert InputSpec(**fields).to_numbers(torch.ones(1, 1, 1, 1), DEPTH).item() == 1.0


@pytest.mark.parametrize("fields", [{}, {"physical": (0.1, 16.0), "scale": "log"}])
def test_unknown_is_translated_whether_or_not_the_range_has_a_meaning_of_its_own(fields):
    codes = OutputSpec(invalid=0.0, **fields).to_codes(torch.tensor([0.0, 0.5]).view(1, 1, 1, 2), DEPTH, (1, 2))
    torch.testing.assert_close(codes.flatten(), torch.tensor([DEPTH.invalid, 0.5]))
    torch.testing.assert_close(
        InputSpec(invalid=0.0, **fields).to_numbers(codes, DEPTH).flatten(), torch.tensor([0.0, 0.5])
    )


def test_a_normal_is_unknown_where_all_its_components_say_so():
    upright = torch.tensor([0.502, 0.0, 0.502]).view(1, 3, 1, 1)  # nothing to the right, nothing forward
    torch.testing.assert_close(InputSpec(invalid=0.0).to_numbers(upright, NORMAL), upright)
    torch.testing.assert_close(
        OutputSpec(invalid=0.0).to_codes(torch.zeros(1, 3, 1, 1), NORMAL, (1, 1)), torch.full((1, 3, 1, 1), 0.502)
    )


def test_grey_is_given_three_times_and_three_equal_channels_are_one():
    codes = torch.rand(1, 1, 2, 2)
    numbers = InputSpec(channels=3).to_numbers(codes, RESHADING)
    assert numbers.shape == (1, 3, 2, 2) and torch.equal(numbers[:, 2:], codes)
    torch.testing.assert_close(OutputSpec(channels=3).to_codes(numbers, RESHADING, (2, 2)), codes)


def test_channels_are_swapped_before_the_network_and_not_in_its_means():
    image = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    numbers = InputSpec(order="bgr", mean=(0.1, 0.1, 0.1), std=(1.0, 1.0, 0.1)).to_numbers(image, RGB)
    torch.testing.assert_close(numbers.flatten(), torch.tensor([2.0, 0.1, 0.0]))


def test_images_are_scaled_to_the_networks_size_and_back():
    seen = []

    class Sees(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(x.shape))
            return x

    network = Adapted(Sees(), RGB, NORMAL, InputSpec(size=(5, 7)), OutputSpec())
    assert network(torch.full((2, 3, 12, 20), 0.25)).shape == (2, 3, 12, 20)
    assert seen == [(2, 3, 5, 7)]


@pytest.mark.parametrize("multiple", [1, 32])
def test_reflected_margins_are_cut_away_again_and_pixels_stay_where_they_were(multiple):
    rule = read_resize({"reflect": True, "multiple": multiple, "align_corners": True, "antialias": False})
    codes = torch.linspace(0, 1, 60 * 100).view(1, 1, 60, 100)
    scaled = rule.apply(codes)
    assert scaled.shape[-2] % multiple == 0 and scaled.shape[-2] > 60
    torch.testing.assert_close(rule.undo(scaled, (60, 100)), codes, atol=0 if multiple == 1 else 0.02, rtol=0)


def test_margins_do_not_change_the_focal_length():
    spec = read_spec(OutputSpec, {"range": [0, 10], "physical": [0, 10], "canonical_focal_px": 52.0})
    numbers = torch.ones(1, 1, 60, 100)
    plain = spec.to_codes(numbers, DEPTH, (60, 100))
    rule = read_resize({"reflect": True})
    made = rule.apply(numbers)
    torch.testing.assert_close(spec.to_codes(made, DEPTH, (60, 100), rule), plain)


def test_padding_rounds_to_whole_pixels_as_its_rule_says():
    for turn, expected in (("down", 616), ("up", 617), ("nearest", 616)):  # of 616.45
        rule = Resize(side="long", px=1064, pad=(0.5,), round=turn)
        assert rule.placement(1000, 1726).scaled == (expected, 1064)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_the_channels_that_are_picked_are_used_in_their_order(layout):
    made = torch.stack([torch.full((8, 8), value) for value in (0.2, 0.4, 0.6, 0.8)])[None]
    made = made if layout == "nchw" else made.permute(0, 2, 3, 1)
    spec = read_spec(OutputSpec, {"pick": [3, 0, 1], "layout": layout})

    class Fixed(nn.Module):
        def forward(self, numbers: torch.Tensor) -> torch.Tensor:
            return made

    network = Adapted(Fixed(), RGB, NORMAL, InputSpec(), spec)
    assert network(torch.rand(1, 3, 8, 8))[0, :, 0, 0].tolist() == pytest.approx([0.8, 0.2, 0.4])


def test_a_digest_holds_only_what_a_rule_changes():
    spec = read_spec(InputSpec, {"resize": {"side": "short", "px": 518, "multiple": 14}})
    assert spec.record == {"resize": {"px": 518, "multiple": 14}}
    assert InputSpec().record == {}


def test_what_lies_outside_the_range_is_clipped():
    codes = OutputSpec(range=(0.0, 2.0)).to_codes(torch.tensor([-1.0, 1.0, 3.0]).view(1, 1, 1, 3), RESHADING, (1, 3))
    assert codes.flatten().tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_is_no_number_stays_none_and_what_is_infinite_becomes_none(value, dtype):
    """It must be met later, not be stored as a picture."""
    nothing = torch.full((1, 1, 1, 1), value, dtype=dtype)
    scaled = OutputSpec(range=(0.0, 255.0))
    for spec in (OutputSpec(), scaled, OutputSpec(physical=(0.1, 10.0), scale="log", invalid=1.0)):
        assert spec.to_codes(nothing, DEPTH, (1, 1)).isnan().all()


@pytest.mark.parametrize("spec", [InputSpec(), InputSpec(channels=3)])
def test_networks_in_half_precision_are_given_it_unless_the_input_is_computed(spec):
    network = Adapted(nn.Conv2d(1, 1, 1), DEPTH, DEPTH, spec, OutputSpec())
    network.compute_in(torch.bfloat16)
    assert network.input_dtype == torch.bfloat16
    deep = Adapted(nn.Conv2d(1, 1, 1).bfloat16(), DEPTH, DEPTH, InputSpec(physical=(0.0, 10.0)), OutputSpec())
    assert deep.input_dtype == torch.float32 and deep(torch.rand(1, 1, 2, 2)).isfinite().all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"ranges": [0, 1]}, "unknown field ranges; the fields are range"),
        ({"range": [1.0, 1.0]}, "range is .*two different numbers"),
        ({"range": [0.0]}, "range is .*two different numbers"),
        ({"physical": [0.0, 10.0], "scale": "log"}, "must be positive"),
        ({"physical": [0.1, math.inf]}, "only an inverse scale"),
        ({"scale": "inverse"}, "`physical` is missing"),
        ({"scale": "cubic"}, "one of linear, log, inverse"),
        ({"order": "gbr"}, "one of rgb, bgr"),
        ({"layout": "chw"}, "one of nchw, nhwc"),
        ({"mean": [0.5]}, "the same number of finite values"),
        ({"mean": [0.5], "std": [0.0]}, "must be positive"),
        ({"size": [224]}, "give height and width"),
        ({"size": [224, 99999]}, "1 to 4096 pixels"),
        ({"channels": 0}, "give 1 to 64"),
        ({"invalid": 255}, "share of the range, 0 to 1"),
    ],
)
@pytest.mark.parametrize("end", [InputSpec, OutputSpec])
def test_a_spec_that_makes_no_sense_is_refused_with_the_reason(end, row, message):
    with pytest.raises(ValueError, match=message):
        read_spec(end, row)


def test_a_domain_of_ones_own_has_sensible_defaults():
    logits = read_domain("logits", {"title": "Wall", "channels": 1, "lo": -8, "hi": 8})
    assert (logits.meaning, logits.colour_map, logits.scale, logits.invalid) == ("scalar", "viridis", "linear", None)
    assert read_domain("classes", {"title": "Classes", "channels": 3}).meaning == "colour"


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("depth", {}, "cannot declare a domain 'depth'"),
        ("depth_zbuffer", {}, "cannot declare a domain 'depth_zbuffer'"),
        ("energy", {}, "cannot declare a domain 'energy'"),
        ("my-depth", {}, "lower-case letters, digits and underscores"),
        ("mine", {"channels": 2}, "channels is 2"),
        ("mine", {"lo": 1.0, "hi": 0.0}, "lo must be less than hi"),
        ("mine", {"scale": "log"}, "must be positive"),
        ("mine", {"colour_map": "jet"}, "colour_map is 'jet'"),
        ("mine", {"meaning": "direction"}, "meaning is 'direction'"),
        ("mine", {"title": "a\x1b[31m"}, "at most 40 printable characters"),
        ("mine", {"color": "x"}, "unknown field color"),
    ],
)
def test_a_domain_that_makes_no_sense_is_refused_with_the_reason(name, row, message):
    with pytest.raises(ValueError, match=message):
        read_domain(name, {"title": "Mine", "channels": 1, **row})
