"""Laws of the architectures."""

import pytest
import torch
from scipy import ndimage

from consistency.models.capabilities import compute_in
from consistency.models.filters import HessianKeypoints, SobelEdges
from consistency.models.geonet import GeoNet
from consistency.models.registry import ARCHITECTURES, build
from consistency.models.small_unet import Foldable, MultiHeadUNet, SmallUNet, fold_batch_norm

WIDTHS = (4, 6, 8)


def trained_a_little(network: Foldable) -> Foldable:
    """The network with BatchNorms that have seen something, in eval mode."""
    torch.manual_seed(0)
    network.train()
    for _ in range(3):
        network(torch.rand(4, 3, 16, 24))
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval()


def small_unet() -> SmallUNet:
    return SmallUNet(3, 2, WIDTHS, norm="batch")


def multi_head_unet() -> MultiHeadUNet:
    return MultiHeadUNet(3, {"normal": 3, "depth": 1}, WIDTHS, norm="batch")


def geo_net() -> GeoNet:
    return GeoNet(WIDTHS, norm="batch")


NETWORKS = [small_unet, multi_head_unet, geo_net]


@pytest.mark.parametrize("new", NETWORKS)
def test_folding_batch_norm_does_not_change_the_output(new):
    network = trained_a_little(new())
    image = torch.rand(2, 3, 16, 24)
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(image), network(image), atol=1e-5, rtol=1e-4)


def test_folding_leaves_the_original_as_it_was():
    network = trained_a_little(small_unet())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fold_batch_norm(network)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_outputs_are_codes_in_eval_mode_and_free_in_training():
    network = SmallUNet(1, 1, WIDTHS)
    torch.nn.init.constant_(network.head.bias, 7.0)
    image = torch.rand(1, 1, 8, 8)
    assert network.eval()(image).max() == 1
    assert network.train()(image).max() > 1


def test_the_output_has_the_size_of_the_input():
    assert build("small-unet", in_channels=3, out_channels=1, widths=[4, 4]).eval()(torch.rand(2, 3, 12, 20)).shape == (
        2,
        1,
        12,
        20,
    )


def test_a_side_that_is_no_multiple_is_named():
    with pytest.raises(ValueError, match=r"12x20 px.*multiples of 8"):
        SmallUNet(3, 1, WIDTHS)(torch.rand(1, 3, 12, 20))


def test_an_unknown_architecture_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'vgg'.*small-unet"):
        build("vgg")


def test_every_architecture_has_a_builder():
    arguments = {
        "small-unet": {"in_channels": 3, "out_channels": 1, "widths": [4]},
        "multi-head-unet": {"in_channels": 3, "heads": {"depth": 1}, "widths": [4]},
        "geo-net": {"widths": [4]},
        "sobel-edges": {},
        "hessian-keypoints": {},
        "mirror": {},
    }
    of_others = {name for name in ARCHITECTURES if name.startswith("xtc-")}  # tests/test_xtc.py
    assert set(arguments) == set(ARCHITECTURES) - of_others
    for name, given in arguments.items():
        network = build(name, **given)
        assert given.items() <= getattr(network, "arguments", {}).items()


def test_a_network_of_one_head_is_a_small_unet():
    single = trained_a_little(small_unet())
    several = MultiHeadUNet(3, {"it": 2}, WIDTHS, norm="batch").eval()
    several.load_state_dict(
        {name.replace("up.", "up.it.", 1).replace("head.", "head.it.", 1): x for name, x in single.state_dict().items()}
    )
    image = torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(several(image)["it"], single(image), atol=0, rtol=0)


def test_each_head_has_its_channels_and_the_size_of_the_input():
    for new in (multi_head_unet, geo_net):
        shapes = {name: x.shape for name, x in new().eval()(torch.rand(2, 3, 16, 24)).items()}
        assert shapes == {"normal": (2, 3, 16, 24), "depth": (2, 1, 16, 24)}


def test_heads_share_the_trunk_and_nothing_else():
    network = trained_a_little(multi_head_unet())
    image = torch.rand(1, 3, 16, 24)
    before = network(image)
    next(network.up.get_submodule("depth").parameters()).data += 1
    after = network(image)
    assert torch.equal(after["normal"], before["normal"]) and not torch.equal(after["depth"], before["depth"])
    next(network.down.parameters()).data += 1
    assert not torch.equal(network(image)["normal"], before["normal"])


def test_a_new_geo_net_gives_what_its_two_networks_give():
    network = GeoNet(WIDTHS).eval()
    image = torch.rand(2, 3, 16, 24)
    outputs = network(image)
    torch.testing.assert_close(outputs["normal"], network.normal_network(image))
    torch.testing.assert_close(outputs["depth"], network.depth_network(image))


def test_geometry_of_a_geo_net_follows_the_field_of_view():
    network = trained_a_little(geo_net())
    image = torch.rand(2, 3, 16, 24)
    wide, assumed = network(image, torch.tensor([60.0, 90.0])), network(image)
    assert torch.equal(wide["normal"][0], assumed["normal"][0])
    assert not torch.equal(wide["normal"][1], assumed["normal"][1])


def test_every_parameter_of_a_geo_net_learns_from_a_jump_in_depth():
    network = trained_a_little(geo_net()).train()
    image = torch.zeros(1, 3, 16, 16)
    image[..., 8:] = 1
    outputs = network(image)
    (outputs["normal"].square().mean() + outputs["depth"].square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("new", NETWORKS)
def test_half_precision_changes_outputs_by_less_than_a_step_of_8_bits(new):
    network = fold_batch_norm(trained_a_little(new()))
    image = torch.rand(2, 3, 16, 24)
    full = network(image)
    compute_in(network, torch.bfloat16)
    half = network(image)
    if isinstance(full, torch.Tensor):
        full, half = {"": full}, {"": half}
    assert all((half[name] - full[name]).abs().mean() < 1 / 255 for name in full)


FILTERS = [SobelEdges, HessianKeypoints]


@pytest.mark.parametrize("new", FILTERS)
def test_a_flat_image_gives_nothing_not_even_at_its_border(new):
    assert new()(torch.full((1, 3, 40, 32), 0.7)).max() < 1e-5


def test_edges_are_the_sobel_magnitude_of_the_smoothed_grey_image():
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    smooth = ndimage.gaussian_filter(image.mean(dim=1)[0].double().numpy(), sigma=2, mode="mirror", truncate=4)
    sobel = ndimage.sobel(smooth, axis=0) ** 2 + ndimage.sobel(smooth, axis=1) ** 2
    inside = (slice(1, -1), slice(1, -1))  # at the very border the two continue the image differently
    expected = torch.from_numpy(sobel**0.5).clamp(0, 1)[inside]
    torch.testing.assert_close(SobelEdges()(image)[0, 0][inside].double(), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("new", FILTERS)
def test_a_mirrored_or_turned_image_gives_a_mirrored_or_turned_answer(new):
    image = torch.rand(1, 3, 32, 32)
    answer = new()(image)
    torch.testing.assert_close(new()(image.flip(3)), answer.flip(3), atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(new()(image.transpose(2, 3)), answer.transpose(2, 3), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("new", FILTERS)
def test_gradients_of_a_filter_are_finite_also_on_a_flat_image(new):
    for image in (torch.full((1, 3, 32, 32), 0.5), torch.rand(1, 3, 32, 32)):
        image.requires_grad_()
        new()(image).sum().backward()
        assert image.grad is not None and torch.isfinite(image.grad).all()


@pytest.mark.parametrize("new", FILTERS)
def test_a_filter_keeps_float32_under_autocast_and_the_type_of_its_input(new):
    image = torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(new()(image), new()(image.clone()))
        assert new()(image.bfloat16()).dtype == torch.bfloat16


def test_keypoints_are_the_positive_determinant_of_the_hessian_smoothed():
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    grey = image.mean(dim=1)[0].double().numpy()
    smooth = ndimage.gaussian_filter(grey, sigma=2, mode="mirror", truncate=4)
    second, first = [1.0, -2.0, 1.0], [-0.5, 0.0, 0.5]
    yy, xx = (ndimage.correlate1d(smooth, second, axis, mode="mirror") for axis in (0, 1))
    xy = ndimage.correlate1d(ndimage.correlate1d(smooth, first, 0, mode="mirror"), first, 1, mode="mirror")
    blobs = ndimage.gaussian_filter((2**4 * (xx * yy - xy**2)).clip(0), sigma=2, mode="mirror", truncate=4)
    expected = torch.from_numpy((blobs / 2e-3 + 1e-3) ** 0.8 - 1e-3**0.8).clamp(0, 1)
    inside = (slice(2, -2), slice(2, -2))  # first differences at the very border continue the image differently
    torch.testing.assert_close(HessianKeypoints()(image)[0, 0][inside].double(), expected[inside], atol=1e-3, rtol=0)


def test_a_blob_is_a_keypoint_and_an_edge_is_none():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    blob = 0.2 * torch.exp(-((x - 20) ** 2 + (y - 40) ** 2) / 18).expand(1, 3, 64, 64)
    found = HessianKeypoints()(blob)[0, 0]
    assert divmod(int(found.argmax()), 64) == (40, 20) and 0.3 < found.max() < 1
    assert HessianKeypoints()((x > 31).float().expand(1, 3, 64, 64)).max() < 0.01
