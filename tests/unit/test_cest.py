"""CEST's equations, its face map, its rasteriser's gradients and what its losses swap."""

import cv2
import numpy as np
import pytest
import torch

from engine.head import INDEX, Head
from engine.head.uv import face_uv, texel_map
from training.cest import losses, raster, shade
from training.cest.data import Batch
from training.cest.losses import Ablation
from training.cest.net import Cest, Sizes, canonical
from training.cest.render_synthetic import basis, random_light
from training.cest.shape import CENTRE, UNIT, FaceModel, project, rodrigues, to_pixels
from training.cest.sources import HELD_OUT, part_of


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


@pytest.fixture(scope="module")
def model(head: Head) -> FaceModel:
    torch.set_num_threads(1)
    return FaceModel(head, 10, 32)


# The supplement's equations, with its errata


def test_rodrigues_is_the_known_rotation_and_whole_at_zero() -> None:
    w = torch.tensor([[0.3, -0.8, 1.1], [0.0, 0.0, 0.0], [1e-5, 0, 0]], requires_grad=True)
    made = rodrigues(w)
    for k in range(3):
        wanted, _ = cv2.Rodrigues(w[k].detach().numpy().astype(np.float64))
        assert np.abs(made[k].detach().numpy() - wanted).max() < 1e-6
    (made * torch.arange(9.0).reshape(3, 3)).sum().backward()
    assert torch.isfinite(w.grad).all() and float(w.grad[1].abs().sum()) > 0


def test_rodrigues_differs_from_the_printed_formula() -> None:
    """The print has w for the unit axis and 1 for the unit matrix: not a rotation."""
    w = torch.tensor([0.3, -0.8, 1.1])
    a, skew = w.norm(), torch.tensor([[0, -1.1, -0.8], [1.1, 0, -0.3], [0.8, 0.3, 0]])
    outer = torch.outer(w, w)
    printed = outer + a.cos() * (1 - outer) + a.sin() * skew
    assert float((printed @ printed.T - torch.eye(3)).abs().max()) > 0.1
    made = rodrigues(w[None])[0]
    assert float((made @ made.T - torch.eye(3)).abs().max()) < 1e-6


def test_barycentric_weights_put_the_place_together_again() -> None:
    torch.manual_seed(1)
    corners, places = torch.randn(50, 3, 2), torch.randn(50, 2)
    weights = raster.barycentric(corners.double(), places.double())
    assert torch.allclose(weights.sum(1), torch.ones(50).double())
    again = torch.einsum("nk,nkd->nd", weights, corners.double())
    assert torch.allclose(again, places.double(), atol=1e-8)


def test_weak_perspective_turns_scales_and_shifts() -> None:
    view = torch.tensor([[0.5, 0, 0, np.pi / 2, 0.1, 0.2, 0.3]], dtype=torch.float32)
    placed = project(torch.tensor([[[1.0, 0, 0]]]), view)[0, 0]
    assert torch.allclose(placed, torch.tensor([0.1, 0.2 + np.exp(0.5), 0.3]).float(), atol=1e-5)


def test_the_canonical_crop_undoes_scale_shift_and_roll() -> None:
    """A picture of a point of the head: in the canonical crop it lies where the head has it."""
    view = torch.tensor([[-0.6, 0, 0, 0.5, 0.15, -0.1, 0]])
    place = project(torch.tensor([[[0.4, 0.3, 0.0]]]), view)
    x, y, _ = to_pixels(place, 128)[0, 0].tolist()
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    blob = torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)[None, None]
    seen = canonical(blob, view)[0, 0]
    peak = int(seen.argmax())
    found = (torch.tensor([peak % 128, peak // 128]) + 0.5) * (2 / 128) - 1
    assert torch.allclose(found * 1.2, torch.tensor([0.4, -0.3]), atol=0.03)


def test_harmonics_are_orthonormal() -> None:
    rng = np.random.default_rng(0)
    n = rng.standard_normal((200_000, 3)).astype(np.float32)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    made = shade.harmonics(torch.from_numpy(n)).double()
    gram = (made.T @ made) * (4 * np.pi / len(n))
    assert float((gram - torch.eye(9)).abs().max()) < 0.03
    assert np.abs(made.numpy() - basis(n)).max() < 1e-5


# The face's map


def test_the_face_map_is_symmetric_and_unfolded(head: Head) -> None:
    face = face_uv(head)
    assert np.array_equal(face.twin[face.twin], np.arange(len(face.vertices)))
    assert np.abs(face.uv[face.twin] * [-1, 1] + [1, 0] - face.uv).max() < 1e-6
    a, b, c = (face.uv[face.faces[:, k]] for k in range(3))
    area = np.cross(np.c_[b - a, 0 * a[:, :1]], np.c_[c - a, 0 * a[:, :1]])[:, 2]
    assert (area < 0).all() and face.uv.min() > 0 and face.uv.max() < 1
    again = face_uv(head)
    assert np.array_equal(again.uv, face.uv) and np.array_equal(again.faces, face.faces)


def test_flipping_a_picture_on_the_map_mirrors_the_face(head: Head, model: FaceModel) -> None:
    """What vertex i reads from the flipped picture is what its twin reads from the picture."""
    picture = torch.rand(1, 3, 64, 64)
    uv = torch.from_numpy(face_uv(head).uv)
    nobody = torch.zeros(len(uv), dtype=torch.long)
    plain = raster.sample(picture, uv, nobody)
    flipped = raster.sample(picture.flip(-1), uv, nobody)
    twin = torch.from_numpy(face_uv(head).twin).long()
    assert torch.allclose(flipped, plain[twin], atol=1e-4)
    assert not torch.allclose(flipped, plain, atol=0.1)


def test_the_maps_texels_show_the_mirrored_places(head: Head) -> None:
    face = face_uv(head)
    triangle, weights = texel_map(face, 128)
    there = triangle >= 0
    places = np.zeros((128, 128, 3), np.float32)
    corners = head.neutral[face.vertices[face.faces[triangle[there]]]]
    places[there] = np.einsum("nk,nkd->nd", weights[there], corners)
    both = there & there[:, ::-1]
    assert both.sum() > 0.97 * there.sum()
    off = np.linalg.norm(places - places[:, ::-1] * [-1, 1, 1], axis=2)[both]
    assert np.median(off) < 0.1 and np.percentile(off, 99) < 1.5


# The head in torch


def test_the_torch_head_is_the_engines(head: Head, model: FaceModel) -> None:
    rng = np.random.default_rng(3)
    identity = rng.standard_normal(10).astype(np.float32)
    weights = (rng.random(52) * (rng.random(52) < 0.3)).astype(np.float32)
    weights[INDEX["eyeBlinkLeft"]] = 0.8
    posed = head.pose(head.person(identity), weights)
    made = model(torch.from_numpy(identity)[None], torch.from_numpy(weights)[None])
    wanted = (posed[model.rows] - np.array(CENTRE)) / UNIT
    assert np.abs(made[0].numpy() - wanted).max() < 1e-4
    for count in (68, 468):
        marks = model.landmarks(made, count)[0].numpy() * UNIT + np.array(CENTRE)
        assert np.abs(marks - head.landmarks(posed, count)).max() < 0.02


# The rasteriser


def scene(model: FaceModel, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Placed points in pixels of 48, and values to be drawn."""
    torch.manual_seed(0)
    shape = model(torch.randn(batch, 10) * 0.5, torch.rand(batch, 52) * 0.2)
    view = torch.tensor([[-0.2, 0.1, 0.4, 0.1, 0, 0, 0], [-0.3, 0, -0.3, 0, 0.05, 0, 0]])[:batch]
    points = to_pixels(project(shape, view)[:, : model.count], 48)
    return points, torch.randn(batch, model.count, 4)


def nearest_by_hand(points: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """(size * size) one triangle after the other, as one would write it down."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    near, found = np.full((size, size), -np.inf), np.full((size, size), -1)
    for number, (a, b, c) in enumerate(points[faces].astype(np.float64)):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area > -raster.LEAST:
            continue
        u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
        v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
        z = u * a[2] + v * b[2] + (1 - u - v) * c[2]
        here = (u >= 0) & (v >= 0) & (u + v <= 1) & (z > near)
        near[here], found[here] = z[here], number
    return found.ravel()


def test_the_rasteriser_sees_what_is_nearest(model: FaceModel) -> None:
    points, values = scene(model)
    faces = model._get("faces")
    hits = raster.visible(points, faces, 48)
    mine = torch.full((2, 48 * 48), -1)
    mine[hits.batch, hits.pixel] = hits.triangle
    assert len(hits.batch) > 800 and hits.starts.tolist()[-1] == len(hits.batch)
    for k in range(2):
        by_hand = torch.from_numpy(nearest_by_hand(points[k].numpy(), faces.numpy(), 48))
        assert float((mine[k] == by_hand).float().mean()) > 0.999
    corners = faces[hits.triangle]
    weights = raster.barycentric(points[hits.batch[:, None], corners, :2], hits.places)
    assert weights.min() > -1e-3
    again = torch.einsum("nk,nkc->nc", weights, values[hits.batch[:, None], corners])
    assert torch.allclose(raster.interpolate(points, values, faces, hits), again, atol=2e-3)


def test_weights_in_a_narrow_triangle_are_finite_and_right() -> None:
    """Of a face seen from the side there are many; dot products lose their area."""
    corners = torch.tensor([[[10.0, 10.0], [40.0, 40.0001], [70.0, 70.0006]]])
    found = raster.barycentric(corners, torch.tensor([[40.0, 40.0]]))
    a, b, c = corners[0].double()
    area = (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]
    assert float(area) > raster.LEAST
    assert torch.isfinite(found).all() and float(found.sum()) == pytest.approx(1, abs=1e-4)
    assert float(found.abs().max()) < 3


def test_gradients_of_the_rasteriser_against_finite_differences() -> None:
    """Moving a corner a little moves what the pixels show as the gradient says."""
    points = torch.tensor([[[1.3, 9.2, 0], [9.1, 8.4, 0], [4.7, 0.9, 0]]])
    values = torch.tensor([[[0.2, 1.0], [1.5, -0.3], [-0.7, 0.4]]])
    faces = torch.tensor([[0, 1, 2]])
    hits = raster.visible(points, faces, 12)
    assert len(hits.batch) > 20

    def drawn(moved: torch.Tensor) -> torch.Tensor:
        return raster.interpolate(moved, values, faces, hits).square().sum()

    held = points.clone().requires_grad_()
    drawn(held).backward()
    for corner in range(3):
        for axis in range(2):
            step = torch.zeros_like(points)
            step[0, corner, axis] = 1e-2
            slope = float(drawn(points + step) - drawn(points - step)) / 2e-2
            assert float(held.grad[0, corner, axis]) == pytest.approx(slope, rel=0.01, abs=0.02)


def test_reading_a_picture_has_the_values_and_gradients_of_torchs_own() -> None:
    grads = []
    for ours in (True, False):
        torch.manual_seed(3)
        pictures = torch.rand(3, 5, 16, 16, requires_grad=True)
        uv = (torch.rand(3, 40, 2) * 1.1 - 0.05).requires_grad_()
        if ours:
            batch = torch.arange(3).repeat_interleave(40)
            read = raster.sample(pictures, uv.reshape(-1, 2), batch)
        else:
            grid = (2 * uv - 1)[:, None]
            read = torch.nn.functional.grid_sample(
                pictures, grid, padding_mode="border", align_corners=False
            )
            read = read[:, :, 0].transpose(1, 2).reshape(-1, 5)
        (read**2).sum().backward()
        grads.append((read.detach(), pictures.grad, uv.grad))
    for mine, theirs in zip(*grads, strict=True):
        assert torch.allclose(mine, theirs, atol=2e-3)


# The losses


def test_swapping_averaging_and_neither() -> None:
    maps = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 3, 2, 2)
    group, partner = torch.tensor([0, 0, 1, 1, 2]), torch.tensor([1, 0, 3, 2, 4])

    def of(ablation: Ablation) -> list[float]:
        return losses.shared(maps, group, partner, ablation)[:, 0, 0, 0].tolist()

    assert of(Ablation()) == [1, 0, 3, 2, 4]
    assert of(Ablation(no_consistency=True)) == [0, 1, 2, 3, 4]
    assert of(Ablation(averaging=True)) == [0.5, 0.5, 2.5, 2.5, 4]


@pytest.mark.parametrize("independent", [False, True])
def test_an_untrained_net_gives_the_neutral_head_and_a_finite_loss(
    model: FaceModel, independent: bool
) -> None:
    torch.manual_seed(0)
    sizes = Sizes(size=32, texels=32, width=0.125, modes=10, independent=independent)
    net = Cest(sizes, model)
    pictures = torch.rand(2, 3, 32, 32)
    found = net.geometry(pictures)
    assert torch.allclose(found.shape[0], model._get("neutral"), atol=1e-5)
    batch = Batch(pictures, torch.zeros(2, 468, 2), torch.zeros(2).long(), torch.tensor([1, 0]))
    _, *maps = net.appearance(pictures, found.placed)
    parts = losses.photometric(net, batch, found, (maps[0], maps[1]), Ablation())
    total = sum(parts.values())
    total.backward(retain_graph=True)
    assert set(parts) == {"swapped", "mirrored"} and torch.isfinite(total)
    assert float(net.viewpoint.body[-1].bias.grad.abs().sum()) > 0
    assert float(net.illumination.body[-1].bias.grad.abs().sum()) > 0
    only = losses.photometric(net, batch, found, (maps[0], maps[1]), Ablation(no_symmetry=True))
    assert set(only) == {"swapped"}


def test_the_texture_is_the_picture_carried_onto_the_map(model: FaceModel) -> None:
    """A picture drawn from a map gives that map back where it faces the viewer."""
    torch.manual_seed(0)
    net = Cest(Sizes(size=128, texels=32, width=0.125, modes=10), model).eval()
    coarse = torch.rand(1, 3, 4, 4)
    wanted = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    shape = project(
        model(torch.zeros(1, 10), torch.zeros(1, 52)), torch.tensor([[-0.1, 0, 0, 0, 0, 0, 0.0]])
    )
    seen = losses.surface(net, shape, net.even[None])
    picture = seen.hits.picture(losses.colours(seen, wanted))
    made = net.texture(picture, shape)
    there = model._get("texel_there") & (made[0].sum(0) > 0.2)
    middle = torch.zeros_like(there)
    middle[8:24, 8:24] = True
    off = (made - wanted)[0].abs().mean(0)[there & middle]
    assert len(off) > 150 and float(off.median()) < 0.03


# People and light


def test_people_are_on_one_side_by_name_alone() -> None:
    names = [f"Person_{k}" for k in range(2000)]
    held = sum(part_of(name) == "test" for name in names)
    assert abs(held / len(names) - 1 / HELD_OUT) < 0.03
    assert part_of("grid_s1") == "train" and part_of("id10002") == "test"


def test_lights_are_of_a_usual_strength() -> None:
    rng = np.random.default_rng(0)
    front = np.array([[0, 0, 1.0]])
    level = [float((basis(front) @ random_light(rng))[0]) for _ in range(50)]
    assert 0.6 < min(level) and max(level) < 1.2
