"""What must the architectures keep to?"""

import pytest
import torch
from scipy import ndimage

from consistency.networks import ARCHITECTURES, SmallUNet, SobelEdges, build, fold_batch_norm

WIDTHS = (4, 6, 8)


def trained_a_little() -> SmallUNet:
    """A network whose BatchNorms have seen something."""
    torch.manual_seed(0)
    network = SmallUNet(3, 2, WIDTHS, norm="batch").train()
    for _ in range(3):
        network(torch.rand(4, 3, 16, 24))
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval()


def test_folding_batch_norm_does_not_change_the_output():
    network = trained_a_little()
    image = torch.rand(2, 3, 16, 24)
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(image), network(image), atol=1e-5, rtol=1e-4)


def test_folding_leaves_the_original_as_it_was():
    network = trained_a_little()
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
    assert set(ARCHITECTURES) == {"small-unet", "sobel-edges"}


def test_a_flat_image_has_no_edges_not_even_at_its_border():
    assert SobelEdges()(torch.full((1, 3, 40, 32), 0.7)).max() < 1e-5


def test_edges_are_the_sobel_magnitude_of_the_smoothed_grey_image():
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    smooth = ndimage.gaussian_filter(image.mean(dim=1)[0].double().numpy(), sigma=2, mode="mirror", truncate=4)
    sobel = ndimage.sobel(smooth, axis=0) ** 2 + ndimage.sobel(smooth, axis=1) ** 2
    inside = (slice(1, -1), slice(1, -1))  # at the very border the two continue the image differently
    expected = torch.from_numpy(sobel**0.5).clamp(0, 1)[inside]
    torch.testing.assert_close(SobelEdges()(image)[0, 0][inside].double(), expected, atol=1e-5, rtol=1e-4)


def test_edges_of_the_mirrored_image_are_mirrored():
    image = torch.rand(1, 3, 32, 32)
    edges = SobelEdges()
    torch.testing.assert_close(edges(image.flip(3)), edges(image).flip(3), atol=1e-5, rtol=1e-4)
