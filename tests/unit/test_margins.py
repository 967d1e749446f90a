"""The margin losses: reference vectors, half precision at the edges, what is detached, shards."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing

from engine.errors import ConfigError
from training.margins import (
    LOSSES,
    RangeLoss,
    ShardedSphereFace2,
    SphereFace2,
    SphereFaceR,
    build,
)
from training.margins.angles import cos_multiple, psi, psi_clipped
from training.margins.head import Annealing, Margin
from training.margins.sphereface2 import adjusted, bias_at_start

ANGLES = torch.tensor([0, 0.3, 0.7, 1.0, math.pi / 2, 2.0, 3.0], dtype=torch.float64)
PSI = {
    1: [1, 0.955336, 0.764842, 0.540302, 0, -0.416147, -0.989992],
    2: [1, 0.825336, 0.169967, -0.416147, -1, -1.346356, -2.960170],
    3: [1, 0.621610, -0.504846, -0.989992, -2, -2.960170, -4.911130],
    4: [1, 0.362358, -0.942222, -1.346356, -3, -4.145500, -6.843854],
}
COS = torch.tensor([[0.5, 0.1, -0.2]])
TARGET = torch.tensor([0])


def fixed(head: Margin, cos: Tensor = COS) -> Margin:
    """`head` with classes placed so that the feature e0 has the given cosines."""
    side = torch.sqrt(1 - cos[0] ** 2)
    rows = torch.zeros_like(head.weight)
    rows[:, 0] = cos[0]
    rows[torch.arange(len(rows)), torch.arange(len(rows)) + 1] = side
    head.weight.data.copy_(rows)
    return head


def value(head: Margin, length: float = 1.0) -> float:
    feature = torch.zeros(1, head.weight.shape[1])
    feature[0, 0] = length
    return float(head(feature, TARGET).detach())


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_psi(m: int) -> None:
    assert psi(ANGLES.cos(), m).numpy() == pytest.approx(PSI[m], abs=2e-6)


def test_whole_multiples_need_no_arc_cosine() -> None:
    assert cos_multiple(ANGLES.cos(), 5).numpy() == pytest.approx(np.cos(5 * ANGLES.numpy()))


@pytest.mark.parametrize("m", [1.2, 1.5, 2.0, 2.7, 4.0])
def test_psi_falls_everywhere_and_the_clipped_one_rests(m: float) -> None:
    cos = torch.linspace(0, math.pi, 2000, dtype=torch.float64).cos()
    assert (psi(cos, m).diff() < 1e-9).all()
    assert float(psi_clipped(cos, m)[-1]) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("version", "wanted"), [("v0", 3.048705), ("v1", 3.048705), ("v2", 1.872140)]
)
@pytest.mark.parametrize("detach", [True, False])
def test_sphereface_r(version: str, wanted: float, detach: bool) -> None:
    head = fixed(SphereFaceR(4, 3, version=version, m=1.5, s=30, detach=detach))
    assert value(head) * 30 / 50 == pytest.approx(wanted, abs=2e-6)


def test_sphereface_r_v2_logits() -> None:
    head = fixed(SphereFaceR(4, 3, m=1.5))
    found = head.logits(torch.tensor([[2.0, 0, 0, 0]]), TARGET)
    assert found.detach().numpy()[0] == pytest.approx([0.5, 0.556674, 0.379597], abs=2e-6)


def test_sphereface_r_normalisations() -> None:
    """Soft at |x| = s is hard; none at |x| = s, m fixed, is hard without its weight."""
    hard, soft, none = (
        fixed(SphereFaceR(4, 3, norm=n, m=1.5, s=30)) for n in ("HFN", "SFN", "NFN")
    )
    assert value(soft, 30) == pytest.approx(value(hard), rel=1e-5)
    assert value(none, 30) == pytest.approx(value(hard) * 30 / 50, rel=1e-5)
    assert value(soft, 40) - value(fixed(SphereFaceR(4, 3, norm="SFN", m=1.5, t=0)), 40) == (
        pytest.approx(0.1, abs=1e-4)
    )


def test_staged_margins_follow_the_step() -> None:
    head = SphereFaceR(4, 3, norm="NFN", milestones=(10, 20))
    margins = []
    for step in (0, 9, 10, 25):
        head.begin(step)
        margins.append(head.m)
    assert margins == pytest.approx([1.0, 1.0, 1.1, 1.2])


@pytest.mark.parametrize(
    ("kind", "m", "bias", "wanted"),
    [("C", 0.4, None, 0.441348), ("C", 0.4, 0.0, 0.389375), ("A", 0.5, 0.0, 0.512317),
     ("M", 1.7, 0.0, 0.613032)],
)  # fmt: skip
@pytest.mark.parametrize("gradient", ["official", "paper"])
def test_sphereface2(kind: str, m: float, bias: float | None, wanted: float, gradient: str) -> None:
    head = SphereFace2(4, 3, kind=kind, m=m, bias=bias, lw=1, gradient=gradient)
    assert value(fixed(head)) == pytest.approx(wanted, abs=2e-6)


def test_similarity_adjustment() -> None:
    assert adjusted(COS, 3).numpy()[0] == pytest.approx([-0.15625, -0.66725, -0.872])


@pytest.mark.parametrize(
    ("classes", "lam", "r", "m", "wanted"),
    [(8631, 0.7, 40, 0.4, 5.7846), (10572, 0.7, 40, 0.4, 5.5816), (85742, 0.8, 64, 0.5, 6.0273),
     (3, 0.7, 40, 0.4, 44.208216)],
)  # fmt: skip
def test_bias_at_start(classes: int, lam: float, r: float, m: float, wanted: float) -> None:
    assert bias_at_start("C", classes, lam, r, m, 3) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("kind", ["C", "A", "M"])
@pytest.mark.parametrize("classes", [2, 5, 1000])
def test_the_bias_balances_both_sides(kind: str, classes: int) -> None:
    """At cosine 0 for all, the pull of the target equals the push of all the others."""
    head = SphereFace2(classes + 1, classes, kind=kind)
    fixed(head, torch.zeros(1, classes))
    cos = torch.zeros(1, classes, requires_grad=True)
    mine = torch.zeros(1, classes, dtype=torch.bool)
    mine[0, 0] = True
    head.binary(cos, mine, head.bias.detach()).sum().backward()
    assert cos.grad is not None
    slopes = cos.grad[0]
    assert -slopes[0].item() == pytest.approx(slopes[1:].sum().item(), rel=1e-3)


def test_annealing() -> None:
    faces, digits = Annealing(1000, 0.12, 1, 5), Annealing(1000, 2.5e-5, 35, 0)
    assert [faces.at(k) for k in (0, 1, 10, 100, 1000, 1700)] == pytest.approx(
        [1000, 892.857, 454.545, 76.923, 8.264, 5], abs=1e-3
    )
    assert [digits.at(k) for k in (1000, 5000, 10000)] == pytest.approx(
        [421.37, 16.2055, 0.4056], rel=2e-4
    )


def test_annealed_margins_end_at_psi() -> None:
    head = fixed(build("sphereface", 4, 3, m=4, annealing=(1000.0, 1.0, 4.0, 0.0)))
    head.begin(0)
    early = value(head)
    head.begin(10**6)
    late = value(head)
    expected = -torch.log_softmax(torch.tensor([psi(COS, 4)[0, 0], 0.1, -0.2]), 0)[0]
    assert late == pytest.approx(float(expected), rel=1e-5) and early < late


def test_range_loss() -> None:
    features = torch.tensor([[0.0, 0], [1, 0], [0, 3], [4, 0], [5, 0], [4, 2], [99, 99]])
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    groups = [features[:3], features[3:6]]
    loss = RangeLoss(alpha=1, beta=0)
    assert loss.ranges(groups[0]).tolist() == [10, 9]
    assert loss.ranges(groups[1]).tolist() == [5, 4]
    assert float(loss(features, labels)) == pytest.approx(9.473684 + 4.444444, abs=1e-5)
    apart = RangeLoss(alpha=0, beta=2, margin=20)
    assert float(apart(features, labels)) == pytest.approx(2 * (20 - 16.111111), abs=1e-4)
    assert float(RangeLoss(alpha=0, beta=2, margin=10)(features, labels)) == 0


def test_range_loss_pulls_in_and_pushes_apart() -> None:
    features = torch.tensor([[0.0, 0], [1, 0], [0, 3], [4, 0]], requires_grad=True)
    RangeLoss(alpha=1, beta=1, margin=100)(features, torch.tensor([0, 0, 0, 1])).backward()
    assert features.grad is not None
    assert features.grad[3, 0] < 0  # a step against the slope leads away from the other class
    lone = torch.zeros(3, 2, requires_grad=True)
    RangeLoss()(lone, torch.tensor([0, 0, 0])).backward()
    assert lone.grad is not None and torch.isfinite(lone.grad).all()


@pytest.mark.parametrize("name", ["sphereface-r v0", "sphereface-r v1", "sphereface-r v2",
                                  "sphereface2 C", "sphereface2 A", "sphereface2 M"])  # fmt: skip
def test_detached_heads_see_the_plain_cosine(name: str) -> None:
    """The gradient is that of the same loss at logits whose slope in cos is s (or r), exactly."""
    head = _heads(64, 5)[name]
    features = torch.randn(3, 64, requires_grad=True)
    labels = torch.tensor([0, 1, 4])
    cos = head.cosines(features)
    cos.retain_grad()
    loss = (
        head.binary(cos, torch.nn.functional.one_hot(labels, 5).bool(), head.bias).sum()
        if isinstance(head, SphereFace2)
        else torch.nn.functional.cross_entropy(head.s * _r_logits(head, cos, labels), labels)
    )
    loss.backward()
    assert cos.grad is not None
    wanted = _plain_slope(head, cos.detach(), labels)
    assert cos.grad.numpy() == pytest.approx(wanted.numpy(), abs=1e-5)


def _r_logits(head: SphereFaceR, cos: Tensor, labels: Tensor) -> Tensor:
    from training.margins.angles import detached
    from training.margins.sphereface_r import margined

    return detached(cos, margined(cos, labels, head.version, head.m))


def _plain_slope(head: Margin, cos: Tensor, labels: Tensor) -> Tensor:
    """d loss / d logit times s or r, from the margined values alone."""
    mine = torch.nn.functional.one_hot(labels, cos.shape[1])
    if isinstance(head, SphereFace2):
        a = head.r * head.margined(cos, mine.bool()) + head.bias.detach()
        slope = torch.where(mine.bool(), -head.lam * torch.sigmoid(-a),
                            (1 - head.lam) * torch.sigmoid(a))  # fmt: skip
        return head.r * slope.detach()
    assert isinstance(head, SphereFaceR)
    logits = head.s * _r_logits(head, cos, labels)
    return head.s * (torch.softmax(logits, 1) - mine) / len(labels)


def test_the_papers_gradient_goes_through_g() -> None:
    """At cos 0 and t = 3 the slope of g is 3/4 of the plain one; the loss itself is the same."""
    slopes = []
    for gradient in ("official", "paper"):
        head = SphereFace2(4, 3, gradient=gradient, bias=0.0)
        cos = torch.zeros(1, 3, requires_grad=True)
        head.binary(cos, torch.tensor([[True, False, False]]), head.bias).sum().backward()
        assert cos.grad is not None
        slopes.append(cos.grad)
    assert (slopes[1] / slopes[0]).numpy() == pytest.approx(np.full((1, 3), 0.75))


def _heads(dim: int, classes: int) -> dict[str, Margin]:
    """Every loss in each of its shapes."""
    torch.manual_seed(0)
    heads = {name: build(name, dim, classes) for name in LOSSES}
    for version in ("v0", "v1", "v2"):
        heads[f"sphereface-r {version}"] = build("sphereface-r", dim, classes, version=version)
        for norm in ("NFN", "SFN"):
            heads[f"sphereface-r {version} {norm}"] = build(
                "sphereface-r", dim, classes, version=version, norm=norm, m=1.5
            )
        heads[f"{version} not detached"] = build(
            "sphereface-r", dim, classes, version=version, m=1.5, detach=False
        )
    for kind in ("C", "A", "M"):
        heads[f"sphereface2 {kind}"] = build("sphereface2", dim, classes, kind=kind)
        heads[f"sphereface2 {kind} paper"] = build(
            "sphereface2", dim, classes, kind=kind, gradient="paper"
        )
    return heads


@pytest.mark.parametrize("name", list(_heads(2, 2)))
def test_finite_in_half_precision_at_extreme_angles(name: str) -> None:
    """On, against and across the target; of no length, the shortest and nearly the longest."""
    head = _heads(8, 4)[name]
    w = torch.nn.functional.normalize(head.weight.detach(), dim=1)
    rows = [w[0], -w[0], w[1], -w[1], torch.zeros(8), 6e-8 * torch.ones(8), 2e4 * w[0], -2e4 * w[0]]
    features = torch.stack(rows).half().requires_grad_()
    head.begin(10**6)  # past every annealing
    loss = head(features, torch.zeros(len(rows), dtype=torch.long))
    loss.backward()
    assert torch.isfinite(loss) and features.grad is not None
    assert torch.isfinite(features.grad).all(), features.grad
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", list(_heads(2, 2)))
def test_each_loss_can_be_learnt(name: str) -> None:
    """Free features and class weights find the classes."""
    head = _heads(8, 4)[name]
    labels = torch.arange(16) % 4
    features = torch.nn.Parameter(torch.randn(16, 8) + 2 * head.weight.detach()[labels])
    optimiser = torch.optim.Adam([features, *head.parameters()], 0.1)
    for step in range(60):
        head.begin(step)
        optimiser.zero_grad()
        head(features, labels).backward()
        optimiser.step()
    with torch.no_grad():
        assert (head.cosines(features).argmax(1) == labels).float().mean() > 0.9


def test_unknown_losses_and_options_are_told() -> None:
    with pytest.raises(ConfigError, match="choose softmax"):
        build("sofmax", 4, 3)
    with pytest.raises(ConfigError, match="arcface has no 'r'; it has s, m"):
        build("arcface", 4, 3, r=1)


def _half(rank: int, address: str, out: str) -> None:
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.manual_seed(3)
    head = ShardedSphereFace2(6, 7, kind="C")
    features = torch.randn(8, 6)[rank * 4 : rank * 4 + 4].requires_grad_()
    loss = head(features, (torch.arange(8) * 3 % 7)[rank * 4 : rank * 4 + 4])
    loss.backward()
    torch.save({"loss": loss.detach(), "weight": head.weight.grad, "bias": head.bias.grad,
                "features": features.grad}, f"{out}/{rank}.pt")  # fmt: skip
    dist.destroy_process_group()


def test_two_shards_are_one_loss(tmp_path: Path) -> None:
    """Two processes with 3 and 4 of 7 classes: the same loss and gradients as one with all."""
    address = f"file://{tmp_path}/meet"
    multiprocessing.spawn(_half, (address, str(tmp_path)), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    torch.manual_seed(3)
    head = SphereFace2(6, 7, kind="C")
    features = torch.randn(8, 6, requires_grad=True)
    loss = head(features, torch.arange(8) * 3 % 7)
    loss.backward()
    assert [len(p["weight"]) for p in parts] == [3, 4]
    for part in parts:
        assert torch.allclose(part["loss"], loss) and torch.allclose(part["bias"], head.bias.grad)
    for name, whole in (("weight", head.weight.grad), ("features", features.grad)):
        assert torch.allclose(torch.cat([p[name] for p in parts]), whole, atol=1e-6), name
