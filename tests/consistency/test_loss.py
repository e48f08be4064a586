"""The losses for everybody's training: what they are zero for, what they balance, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, distributed, multiprocessing, nn

from consistency import ConsistencyLoss, PathConsistency
from consistency.loss import leaves
from consistency.zoo.records import ZooError

SIZE = 64


def images(n: int, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def everywhere(truth: Tensor) -> Tensor:
    return torch.ones_like(truth[:, 0], dtype=torch.bool)


class Scaled(nn.Module):
    """A network of three weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.9, 0.8, 0.7]).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.weight * image


def norm_of(term: Tensor, weights: list[Tensor]) -> float:
    found = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    return float(torch.stack([one.norm() for one in found if one is not None]).norm())


@pytest.fixture(scope="module")
def loss() -> ConsistencyLoss:
    return ConsistencyLoss("normal", zoo="mini")


def test_a_perfect_prediction_costs_nothing_however_poor_the_readouts_are(loss):
    truth = images(2)
    terms = loss(truth.clone(), truth, mask=everywhere(truth))
    assert terms.total == 0 and set(terms.readouts) == set(loss.readouts) == {"depth", "reshading", "edge2d"}
    assert all(term == 0 for term in terms.readouts.values())


def test_the_total_is_the_direct_term_and_the_readouts_by_their_factors(loss):
    truth, prediction = images(2), images(2, seed=1)
    terms = loss(prediction, truth, mask=everywhere(truth))
    sum_of_parts = terms.direct + sum(terms.factors[name] * term for name, term in terms.readouts.items())
    assert torch.isclose(terms.total, sum_of_parts)
    assert torch.isclose(terms.direct, (prediction - truth).abs().mean())


@pytest.mark.parametrize("balance", ["weights", "prediction"])
def test_all_readouts_together_pull_with_their_share_of_the_direct_term(balance):
    loss = ConsistencyLoss("normal", zoo="mini", readouts=["depth"], share=0.25, balance=balance)
    network, truth = Scaled(), images(2)
    prediction = network(images(2, seed=1))
    terms = loss(prediction, truth, mask=everywhere(truth))
    places = [network.weight] if balance == "weights" else [prediction]
    direct = (prediction - truth).abs().mean()
    pulled = norm_of(terms.total - direct, places)
    assert pulled == pytest.approx(0.25 * norm_of(direct, places), rel=1e-4)


def test_the_weights_in_training_are_found_from_the_prediction_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1))
    assert {id(one) for one in leaves(network(images(1)))} == {id(one) for one in network.parameters()}


def test_pixels_of_unknown_truth_teach_nothing_whatever_they_hold(loss):
    truth, mask = images(1), torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    mask[:, :, : SIZE // 2] = True
    truth[:, :, :, SIZE // 2 :] = torch.nan
    prediction = images(1, seed=1).requires_grad_()
    terms = loss(prediction, truth, mask=mask)
    terms.total.backward()
    assert torch.isfinite(terms.total)
    assert (prediction.grad[..., SIZE // 2 :] == 0).all() and (prediction.grad[..., : SIZE // 2] != 0).any()


def test_a_batch_without_known_pixels_costs_nothing_and_can_be_trained_on():
    loss, network = ConsistencyLoss("normal", zoo="mini", readouts=["depth"]), Scaled()
    truth = images(1)
    nothing = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    terms = loss(network(images(1, seed=1)), truth, mask=nothing)
    terms.total.backward()
    assert terms.total == 0 and (network.weight.grad == 0).all()
    known = loss(network(images(1, seed=1)), truth, mask=~nothing)
    assert known.factors["depth"] != 0.25  # measured now


def test_unknown_codes_of_the_domain_are_left_out_without_a_mask(loss):
    truth = torch.full((1, 3, SIZE, SIZE), 0.502)
    assert loss(images(1), truth).total == 0


def test_it_adds_no_parameters_and_no_weights_to_a_checkpoint(loss):
    assert not list(loss.parameters()) and not list(loss.buffers())
    assert not [value for value in loss.state_dict().values() if isinstance(value, Tensor)]


def test_its_readouts_move_with_it_and_never_learn():
    loss = ConsistencyLoss("normal", zoo="mini", readouts=["depth"])
    (network,) = loss._networks.values()
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    truth, prediction = images(1), images(1, seed=1).requires_grad_()
    loss.train()
    loss(prediction, truth, mask=everywhere(truth)).total.backward()
    assert prediction.grad is not None and all(not one.requires_grad for one in network.parameters())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    loss.to(torch.float64)
    assert next(network.parameters()).dtype == torch.float64


def test_a_resumed_run_chooses_and_balances_as_one_that_went_on():
    def new() -> ConsistencyLoss:
        return ConsistencyLoss("normal", zoo="mini", k=1, choose="win-rate", every=2, seed=5)

    def steps(loss: ConsistencyLoss, at: range) -> list[tuple[dict[str, float], float]]:
        found = []
        for step in at:
            truth = images(1, seed=step)
            terms = loss(Scaled()(images(1, seed=step + 100)), truth, mask=everywhere(truth))
            found.append((dict(terms.factors), terms.total.item()))
        return found

    whole = steps(new(), range(6))
    first, second = new(), new()
    begun = steps(first, range(3))
    second.load_state_dict(first.state_dict())
    assert begun + steps(second, range(3, 6)) == whole
    assert len({name for factors, _ in whole for name in factors}) > 1  # not always the same


def test_without_a_zoo_fixed_filters_are_the_readouts():
    loss = ConsistencyLoss("depth", zoo=None)
    truth = images(1, channels=1)
    terms = loss(images(1, channels=1, seed=1), truth, mask=everywhere(truth))
    assert set(terms.readouts) == {"edge2d", "keypoint2d"} and terms.readouts["edge2d"] > 0


def test_half_precision_predictions_are_compared_in_full(loss):
    truth = images(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        prediction = nn.Conv2d(3, 3, 1)(truth)
        terms = loss(prediction, truth, mask=everywhere(truth))
    assert prediction.dtype == torch.bfloat16 and terms.total.dtype == torch.float32
    terms.total.backward()


@pytest.mark.parametrize(
    ("prediction", "truth", "mask", "message"),
    [
        (images(1, 1), images(1), None, r"normal needs two of \(N, 3, H, W\)"),
        (images(1, 1), images(1, 1), None, r"normal needs two of \(N, 3, H, W\)"),
        (images(1)[..., :50], images(1)[..., :50], None, "multiples of 32"),
        (images(1), images(1), torch.ones(1, 3, 3), r"give \(N, H, W\)"),
        (images(1), 65535 * images(1), None, "give codes from 0 to 1"),
        (images(1), torch.full((1, 3, SIZE, SIZE), torch.nan), None, "give codes from 0 to 1"),
    ],
)
def test_bad_input_is_named_with_what_to_give(prediction, truth, mask, message):
    with pytest.raises(ValueError, match=message):
        ConsistencyLoss("normal", zoo="mini", readouts=["depth"])(prediction, truth, mask=mask)


def test_a_prediction_that_is_not_finite_is_named():
    loss = ConsistencyLoss("normal", zoo="mini", readouts=["depth"])
    prediction = (images(1) * torch.nan).requires_grad_()
    with pytest.raises(FloatingPointError, match="the direct term is nan"):
        loss(prediction, images(1), mask=everywhere(images(1)))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"readouts": ["flow"]}, ZooError),
        ({"readouts": []}, ValueError),
        ({"readouts": ["depth"], "zoo": None}, ValueError),
        ({"k": 4}, ValueError),
        ({"k": 0}, ValueError),
        ({"balance": "loss"}, ValueError),
        ({"choose": "first"}, ValueError),
        ({"share": -1}, ValueError),
        ({"zoo": "no-such-zoo"}, ZooError),
    ],
)
def test_options_that_mean_nothing_are_refused(options, error):
    with pytest.raises(error):
        ConsistencyLoss("normal", **{"zoo": "mini", **options})


# Paths


def test_paths_that_agree_cost_nothing_and_others_pull_on_every_prediction():
    paths = PathConsistency(["rgb-normal", "rgb-depth-normal", "rgb-depth-reshading-normal"], zoo="mini")
    assert paths.sources == ("normal", "depth")
    depth = images(1, channels=1).requires_grad_()
    normal = images(1, seed=1).requires_grad_()
    paths({"normal": normal, "depth": depth}).backward()
    assert normal.grad.abs().sum() > 0 and depth.grad.abs().sum() > 0
    two = PathConsistency(["rgb-normal", "rgb-depth-normal"], zoo="mini")
    same = two._networks["depth", "normal"](depth.detach())
    assert two({"normal": same, "depth": depth.detach()}) == 0


@pytest.mark.parametrize(
    "paths", [[], ["rgb-normal"], ["rgb-normal", "rgb-normal"], ["rgb-normal", "rgb-depth"], ["rgb", "rgb-normal"]]
)
def test_paths_need_two_with_the_same_end(paths):
    with pytest.raises(ValueError, match="at least two that end in the same domain"):
        PathConsistency(paths, zoo="mini")


def test_a_missing_prediction_is_named():
    with pytest.raises(ValueError, match="no prediction of depth"):
        PathConsistency(["rgb-normal", "rgb-depth-normal"], zoo="mini")({"normal": images(1)})


# Several processes


def rank_of_two(rank: int, port: int, found: multiprocessing.SimpleQueue) -> None:
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    network = nn.parallel.DistributedDataParallel(Scaled())
    loss = ConsistencyLoss("normal", zoo="mini", k=2, every=1)
    for step in range(2):
        truth = images(1, seed=10 * rank + step)
        terms = loss(network(images(1, seed=100 + 10 * rank + step)), truth, mask=everywhere(truth))
        terms.total.backward()
    weight = network.module.weight.grad
    found.put((rank, dict(terms.factors), weight.flatten().tolist()))
    distributed.destroy_process_group()


def test_processes_that_train_together_use_the_same_factors_and_gradients():
    from tests.fixtures.web.serving import free_port

    found = multiprocessing.get_context("spawn").SimpleQueue()
    multiprocessing.spawn(rank_of_two, args=(free_port(), found), nprocs=2)
    (_, factors, gradient), (_, others_factors, others_gradient) = sorted([found.get(), found.get()])
    assert factors == others_factors and gradient == others_gradient
