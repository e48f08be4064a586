"""Laws of disagreement, energy and error."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from consistency.boundaries import Boundaries, FrameBoundaries, dense_counts
from consistency.counting import medians
from consistency.domains import DOMAINS, get_domain
from consistency.energy import BLOCKS, block_means, disagreement_maps, raw_terms, standardise
from consistency.metrics import angles_degrees, frame_errors, measures_of, valid_pixels

NORMAL, DEPTH = DOMAINS["normal"], DOMAINS["depth"]


def images(n: int = 3, channels: int = 3, size: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def test_identical_paths_have_zero_disagreement():
    direct = images()
    assert torch.count_nonzero(disagreement_maps(direct, [direct, direct.clone()])) == 0


def test_disagreement_is_symmetric():
    a, b = images(seed=1), images(seed=2)
    assert torch.equal(disagreement_maps(a, [b]), disagreement_maps(b, [a]))


def test_a_path_that_adds_a_tenth_disagrees_by_a_tenth_in_every_channel():
    direct = images() * 0.5
    assert raw_terms(disagreement_maps(direct, [direct + 0.1])) == pytest.approx(torch.full((3, 1), 0.1).numpy())


def test_no_path_is_an_error_that_says_what_is_missing():
    with pytest.raises(ValueError, match="at least one path"):
        disagreement_maps(images(), [])


def test_frames_whose_terms_equal_mu_have_zero_energy():
    terms = torch.tensor([[0.2, 0.4]])
    assert standardise(terms, [0.2, 0.4], [0.1, 0.3]).item() == pytest.approx(0, abs=1e-6)


def test_one_sigma_on_every_path_is_an_energy_of_one():
    terms = torch.tensor([[0.3, 0.7]])
    assert standardise(terms, [0.2, 0.4], [0.1, 0.3]).item() == pytest.approx(1)


def test_the_mean_of_the_pixel_map_is_the_energy_of_the_frame():
    maps = disagreement_maps(images(seed=1), [images(seed=2), images(seed=3)])
    mu, sigma = [0.1, 0.2], [0.01, 0.05]
    pixels = standardise(maps, mu, sigma)
    torch.testing.assert_close(pixels.mean(dim=(1, 2)), standardise(raw_terms(maps), mu, sigma))


def test_the_mean_of_the_blocks_is_the_raw_term():
    maps = disagreement_maps(images(size=64, seed=1), [images(size=64, seed=2)])
    blocks = block_means(maps)
    assert blocks.shape == (3, 1, BLOCKS, BLOCKS)
    torch.testing.assert_close(blocks.mean(dim=(2, 3)), raw_terms(maps))


def test_half_precision_images_are_scored_in_float32():
    a = images().half()
    assert disagreement_maps(a, [a + 0.001]).dtype == torch.float32


def coded(*vector: float) -> torch.Tensor:
    """A one-pixel image of a direction."""
    return (torch.nn.functional.normalize(torch.tensor(vector, dtype=torch.float32), dim=0) + 1).view(1, 3, 1, 1) / 2


@pytest.mark.parametrize("degrees", [0.0, 0.001, 1.0, 45.0, 90.0, 180.0])
def test_the_angle_between_two_directions_is_the_one_they_were_made_with(degrees):
    angle = math.radians(degrees)
    turned = coded(math.sin(angle), 0.0, math.cos(angle))
    # Codes hold a direction to about 1e-7, which is 1e-5 degrees.
    assert angles_degrees(coded(0.0, 0.0, 1.0), turned).item() == pytest.approx(degrees, abs=2e-5, rel=1e-5)


def test_a_perfect_prediction_has_no_error():
    truth = (images(channels=1) * 200).round() / 255
    truth[..., 0] = truth[..., 1] / 2  # a boundary, or there would be none to find
    for name, values in frame_errors(DEPTH, truth, truth).items():
        assert values.tolist() == [100 if "better" in measures_of(DEPTH)[name] else 0] * len(values), name


def test_depth_a_tenth_too_far_has_an_absolute_relative_error_of_a_tenth():
    truth = torch.full((2, 1, 4, 4), 0.5)
    code_of_a_tenth = math.log(1.1) / math.log(DEPTH.hi / DEPTH.lo)
    found = frame_errors(DEPTH, truth + code_of_a_tenth, truth)["absrel"]
    assert found.tolist() == pytest.approx([0.1, 0.1], rel=1e-4)


@pytest.mark.parametrize("domain", [DEPTH, NORMAL], ids=lambda domain: domain.name)
def test_every_measure_is_described_and_unknown_where_no_truth_is_known(domain):
    truth = torch.full((2, domain.channels, 4, 4), round(255 * domain.invalid) / 255)
    found = frame_errors(domain, truth, truth)
    assert list(found) == list(measures_of(domain))
    assert all(values.isnan().all() for values in found.values())


def depth_codes(metres: list[list[float]]) -> torch.Tensor:
    return torch.log(torch.tensor(metres) / DEPTH.lo)[None, None] / math.log(DEPTH.hi / DEPTH.lo)


def test_the_errors_of_depth_are_those_of_their_definitions():
    truth, predicted = [[1.0, 2.0, 4.0, 8.0]], [[1.2, 2.0, 6.0, 4.0]]
    t, p = np.array(truth[0]), np.array(predicted[0])
    logs = np.log(p / t)
    expected = {
        "absrel": np.mean(np.abs(p - t) / t),
        "rmse": np.sqrt(np.mean((p - t) ** 2)),
        "log10": np.mean(np.abs(np.log10(p / t))),
        "silog": 100 * np.std(logs),
        "delta1": 50.0,
        "delta2": 75.0,
        "delta3": 75.0,
    }
    found = frame_errors(DEPTH, depth_codes(predicted), depth_codes(truth))
    assert {name: found[name].item() for name in expected} == pytest.approx(expected, rel=1e-4)


def test_a_boundary_counts_where_it_is_predicted_with_the_same_sign():
    truth = torch.log(torch.tensor([[[1.0, 1.0, 2.0, 2.0]] * 3]))
    known = torch.ones(1, 3, 4, dtype=torch.bool)
    boundaries = Boundaries(truth, known)
    assert boundaries.f1(truth).item() == 1
    assert boundaries.f1(-truth).item() == 0
    assert boundaries.f1(truth.roll(1, dims=2)).item() == 0  # beside it
    halfway = torch.log(torch.tensor([[[1.0, 1.5, 2.0, 2.0]] * 3]))  # one of two in the right place
    assert boundaries.f1(halfway).item() == pytest.approx(2 / 3)
    assert Boundaries(torch.zeros_like(truth), known).f1(truth).isnan().all()
    known[:, :, 2] = False
    assert Boundaries(truth, known).f1(truth).isnan().all()


@pytest.mark.parametrize("known", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (12, 13)])
def test_boundaries_looked_up_at_their_places_are_those_counted_at_every_pixel(size, known):
    truth, predicted = (torch.randn(3, *size, generator=torch.Generator().manual_seed(at)) * 0.15 for at in (1, 2))
    predicted = (truth + predicted).masked_fill(predicted > 0.2, math.nan)
    predicted[0, -1] = math.inf
    valid = torch.rand(truth.shape, generator=torch.Generator().manual_seed(3)) < known
    frames = zip(truth.numpy(), valid.numpy(), predicted.numpy(), strict=True)
    with np.errstate(invalid="ignore"):
        found = np.stack([FrameBoundaries(logs, mask).counts(other) for logs, mask, other in frames], axis=1)
    assert found.tolist() == dense_counts(predicted, truth, valid).tolist()
    assert known < 0.9 or size != (12, 13) or found.all()


def test_the_shares_of_normals_are_those_within_the_angles():
    angles = [0.0, 10.0, 20.0, 25.0, 40.0]
    turned = [coded(math.sin(math.radians(a)), 0.0, math.cos(math.radians(a))) for a in angles]
    predicted, truth = torch.cat(turned, dim=3), coded(0.0, 0.0, 1.0).repeat(1, 1, 1, len(angles))
    found = {name: values.item() for name, values in frame_errors(NORMAL, predicted, truth).items()}
    del found["error"]
    assert found == pytest.approx(
        {
            "angle_degrees": 19.0,
            "angle_median_degrees": 20.0,
            "within_11_25": 40.0,
            "within_22_5": 60.0,
            "within_30": 80.0,
        },
        abs=1e-4,
    )


def test_pixels_of_unknown_truth_do_not_count():
    truth = torch.full((1, 3, 2, 2), 128 / 255)
    truth[..., 0, 0] = coded(0, 0, 1)[..., 0, 0]
    predicted = coded(0, 0, 1).expand(1, 3, 2, 2)
    assert frame_errors(NORMAL, predicted, truth)["angle_degrees"].item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("known", [0.0, 0.001, 0.5, 1.0])
@pytest.mark.parametrize("values", ["even", "few", "equal", "negative", "NaN", "infinite"])
def test_a_median_is_the_lower_of_the_two_in_the_middle_of_what_is_known(values, known):
    codes = images(channels=1)
    if values == "few":
        codes = (codes * 3).round() / 3
    elif values == "equal":
        codes = torch.full_like(codes, 0.25)
    elif values == "negative":
        codes = codes * 20 - 19
    elif values in ("NaN", "infinite"):
        codes[:, :, :3] = math.nan if values == "NaN" else -math.inf
    valid = torch.rand(codes[:, 0].shape, generator=torch.Generator().manual_seed(1)) < known
    expected = torch.where(valid, codes[:, 0], torch.nan).flatten(1).nanmedian(dim=1).values
    torch.testing.assert_close(medians(codes[:, 0], valid), expected, rtol=0, atol=0, equal_nan=True)


def test_errors_of_interleaved_predictions_are_those_of_planar_ones():
    predicted, truth = images(channels=3), images(channels=3).flip(0)
    interleaved = predicted.contiguous(memory_format=torch.channels_last)
    for name, values in frame_errors(NORMAL, predicted, truth).items():
        torch.testing.assert_close(frame_errors(NORMAL, interleaved, truth)[name], values, rtol=0, atol=0)


@pytest.mark.parametrize("name", [name for name, domain in DOMAINS.items() if domain.invalid is not None])
def test_the_invalid_code_of_a_domain_is_unknown_and_every_other_is_known(name):
    domain = DOMAINS[name]
    truth = torch.full((1, domain.channels, 2, 2), round(255 * domain.invalid) / 255)
    truth[:, 0, 0, 0] += 1 / 255 if domain.invalid < 1 else -1 / 255
    assert valid_pixels(domain, truth).tolist() == [[[True, False], [False, False]]]


def test_every_pixel_of_a_domain_without_an_invalid_code_is_known():
    assert all(valid_pixels(DOMAINS["edge2d"], torch.full((1, 1, 2, 2), code)).all() for code in (0.0, 0.5, 1.0))


def test_domains_are_found_by_their_own_name_and_by_taskonomys():
    assert get_domain("depth_zbuffer") is get_domain("depth")
    with pytest.raises(ValueError, match="the domains are rgb, normal"):
        get_domain("depht")
