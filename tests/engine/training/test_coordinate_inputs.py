"""Crops for the coordinate network: ellipsoids that bend, of which the canonical point of each posed one is known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.geometry.metric_crop import gravity_aligned
from engine.training.config import CoordinateStage, Schedule
from engine.training.coordinate_inputs import CoordinateInputs, _Numbers
from engine.training.coordinate_noise import add_sensor_noise, coarser_pixels, cut_off, draw_noise, turned
from engine.training.flow_samples import FlowSampler
from engine.training.landmark_vertices import landmark_vertices
from engine.training.posed_bodies import BodySource, draw_waves, dressed
from external.datasets import open_dataset
from external.npms.view import write_view
from tests.support.ellipsoids import write_ellipsoids
from tests.support.npms_tree import SPLIT, write_tree

ALL = slice(None)
CPU = torch.device("cpu")
PLAIN = CoordinateStage(
    Schedule(1), size=48, isolated=1.0, company=0.0, clothes=0.0, clean=1.0, gravity_error_degrees=0.0
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return load_registered_dataset(write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids"))


@pytest.fixture(scope="module")
def sampler(dataset: RegisteredDataset) -> FlowSampler:
    return FlowSampler.load(dataset, CPU)


def inputs(dataset: RegisteredDataset, sampler: FlowSampler, **changes: object) -> CoordinateInputs:
    return CoordinateInputs(sampler, dataset.similarity, dataclasses.replace(PLAIN, **changes))  # type: ignore[arg-type]


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def straightened(dataset: RegisteredDataset, frame: int, posed: Tensor) -> Tensor:
    """Canonical points (N, 3) of ``posed`` (N, 3), as `write_ellipsoids` bends them."""
    label = dataset.labels[frame]
    phase = np.linspace(0, np.pi, 4)[int(label.sample)] + int(label.sequence[-1])
    straight = posed.clone()
    straight[:, 0] -= 0.4 * np.sin(phase) * posed[:, 1] ** 2
    return straight


def in_dataset(source: CoordinateInputs, frames: Tensor, crops: Tensor) -> Tensor:
    """Points (B, S, S, 3) in the axes of the dataset of crops drawn with `seeded`."""
    numbers = _Numbers.draw(len(frames), ALL, crops.shape[-1], seeded())
    scene = source._place(frames, numbers)
    scale = (0.98 + 0.04 * numbers.choices[:, 12])[:, None, None, None]
    to_dataset = scene.cameras.rotation @ gravity_aligned(scene.cameras.up).transpose(1, 2)
    return torch.einsum("bij,bjrc->brci", to_dataset, crops[:, :3] / scale) + scene.anchors[:, None, None]


@pytest.mark.parametrize("surroundings", [{}, {"isolated": 0.0}, {"isolated": 0.0, "company": 1.0}])
def test_labels_are_the_canonical_coordinates_of_what_is_hit(
    surroundings: dict[str, object], dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    """Alone, in rooms, and beside a second body of the same kind."""
    source, frames = inputs(dataset, sampler, **surroundings), torch.tensor([0, 5, 9, 14, 19, 23])
    crops, canonical, foreground, *_ = source.draw(frames, ALL, seeded())
    assert crops.shape == (6, 4, 48, 48) and canonical.shape == (6, 3, 48, 48) and foreground.shape == (6, 48, 48)
    points, checked = in_dataset(source, frames, crops), 0
    for row, frame in enumerate(frames.tolist()):
        expected = straightened(dataset, frame, points[row][foreground[row]])
        found = canonical[row].movedim(0, -1)[foreground[row]]
        torch.testing.assert_close(found, expected, atol=3e-3, rtol=0)  # facets, and vertices stored in half precision
        checked += len(found)
    assert checked > 300
    assert (crops[:, 3] > 0)[foreground].all()
    assert (canonical == 0)[~foreground[:, None].expand_as(canonical)].all()


def test_what_is_isolated_shows_the_subject_and_nothing_else(dataset: RegisteredDataset, sampler: FlowSampler) -> None:
    frames = torch.arange(12)
    crops, _, foreground, *_ = inputs(dataset, sampler).draw(frames, ALL, seeded())
    assert torch.equal(crops[:, 3] > 0, foreground)
    rooms, _, foreground, *_ = inputs(dataset, sampler, isolated=0.0).draw(frames, ALL, seeded())
    assert (rooms[:, 3].flatten(1).sum(1) > 1.3 * foreground.flatten(1).sum(1)).float().mean() > 0.7


def test_a_second_body_is_seen_and_is_no_foreground(dataset: RegisteredDataset, sampler: FlowSampler) -> None:
    frames = torch.arange(12)
    source = inputs(dataset, sampler, isolated=0.0, company=1.0)
    numbers = _Numbers.draw(12, ALL, 48, seeded())
    bodies, images = source._bodies(source._place(frames, numbers), numbers)
    counts = torch.bincount(bodies.body_of_vertex)
    assert len(counts) == 24 and torch.equal(
        torch.bincount(images), 2 * torch.bincount(images)[0] // 2 * torch.ones(12).long()
    )
    first, second = (bodies.vertices[bodies.body_of_vertex == body] for body in (2, 14))
    apart = (first.mean(0) - second.mean(0))[[0, 2]].norm()
    assert 0.15 < apart < 0.6
    floor = source._place(frames, numbers).floors[2]
    torch.testing.assert_close(second[:, 1].min(), floor, atol=1e-3, rtol=0)


def test_a_crop_looks_the_same_alone_and_in_any_share_of_a_batch(
    dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    source = inputs(dataset, sampler, isolated=0.3, company=0.5, clothes=0.02, clean=0.4, gravity_error_degrees=3.0)
    frames = torch.tensor([0, 17, 6, 9])
    whole = source.draw(frames, ALL, seeded())
    for mine in (slice(0, 2), slice(2, 3), slice(3, 4)):
        for part, expected in zip(source.draw(frames, mine, seeded()), whole, strict=True):
            torch.testing.assert_close(part, expected[mine], atol=1e-6, rtol=0)
    again = source.draw(frames, ALL, seeded())
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    assert not torch.equal(source.draw(frames, ALL, seeded(4))[0], whole[0])


def test_frames_of_several_topologies_are_drawn_together(tmp_path: Path) -> None:
    write_view(write_tree(tmp_path / "tree", pools=False, flow=False), tmp_path / "view", SPLIT)
    view = open_dataset(tmp_path / "view")
    sampler = FlowSampler.load(view, CPU)
    bodies = BodySource(sampler)
    frames = [1, 14, 0]  # of two topologies
    packed = bodies.pack(torch.tensor(frames), frames)
    for body, frame in enumerate(frames):
        label = view.labels[frame]
        row = view.samples_of(label.identity, label.sequence).index(label.sample)
        posed = np.asarray(view.sequence(label.identity, label.sequence)[row], np.float32)
        mine = packed.body_of_vertex == body
        np.testing.assert_array_equal(packed.vertices[mine].numpy(), posed)
        np.testing.assert_array_equal(packed.canonical[mine].numpy(), view.canonical(label.identity))
        first = int(mine.nonzero()[0])
        np.testing.assert_array_equal(
            packed.faces[packed.body_of_face == body].numpy() - first, view.faces(label.identity)
        )
        np.testing.assert_allclose(bodies.lowest[frame], posed[:, 1].min())
        np.testing.assert_allclose(bodies.centres[frame], posed.mean(0), atol=1e-5)


def test_clothes_lie_outside_the_body_no_thicker_than_asked_for_and_smooth(sampler: FlowSampler) -> None:
    frames = [3, 10]
    bodies = BodySource(sampler).pack(torch.tensor(frames), frames)
    clothed = dressed(bodies, torch.tensor([0.02, 0.0]), draw_waves(2, seeded()))
    moved = clothed - bodies.vertices
    subject = bodies.body_of_vertex == 0
    assert (moved[~subject] == 0).all()
    thickness = moved[subject].norm(dim=1)
    assert 0.015 < thickness.max() <= 0.0201 and thickness.std() > 0.002
    outward = bodies.vertices[subject] - bodies.vertices[subject].mean(0)
    assert ((moved[subject] * outward).sum(1) >= -1e-6).float().mean() > 0.99
    edges = torch.cat([bodies.faces[bodies.body_of_face == 0][:, pair] for pair in ([0, 1], [1, 2])])
    assert (thickness[edges[:, 0]] - thickness[edges[:, 1]]).abs().max() < 0.008


def test_a_sensor_adds_noise_and_loses_pixels_where_it_is_asked_to() -> None:
    """A plate before a wall, 2 and 3 metres away."""
    depth = torch.full((40, 32, 32), 1.2)
    depth[:, 8:24, 8:24] = 0.8
    noisy = torch.arange(40) % 2 == 0
    measured, same = add_sensor_noise(depth, noisy, 0.4, draw_noise(40, 32, seeded()))
    assert torch.equal(measured[~noisy], depth[~noisy]) and same[~noisy].all()
    inner = measured[noisy][:, 12:20, 12:20]
    error = (inner - 0.8)[inner > 0].abs()
    assert 1e-4 < error.median() < 0.01 and error.max() < 0.1
    assert 0.02 < (measured[noisy] == 0).float().mean() < 0.5
    kept = measured[noisy] > 0
    assert not same[noisy][~kept].any()
    off = (measured - depth)[noisy].abs() > 0.15  # moved to the other thing or in between
    assert off[kept].any() and not same[noisy][off & kept].any()


def test_coarser_pixels_show_the_middle_of_what_they_cover() -> None:
    factors = torch.tensor([1.0, 2.0, 2.5])
    found = coarser_pixels(10, factors)
    for row, factor in enumerate(factors.tolist()):
        for i in range(10):
            for j in range(10):
                y, x = (min(9, int((int(place / factor) + 0.5) * factor)) for place in (i, j))
                assert found[row, i * 10 + j] == y * 10 + x


def test_a_picture_ends_at_one_side_of_the_crop() -> None:
    sides = torch.tensor([0.1, 0.3, 0.6, 0.9])
    cut = cut_off(8, sides, torch.tensor([0.25, 0.25, 0.5, 0.0]))
    assert cut[0, :, :2].all() and not cut[0, :, 2:].any()
    assert cut[1, :, 6:].all() and not cut[1, :, :6].any()
    assert cut[2, :4].all() and not cut[2, 4:].any()
    assert not cut[3].any()


def test_gravity_is_wrong_by_what_is_asked_for() -> None:
    up = torch.nn.functional.normalize(torch.randn((4000, 3), generator=seeded()), dim=1)
    wrong = turned(up, torch.full((4000,), 3.0), torch.randn((4000, 3), generator=seeded(5)))
    angles = torch.rad2deg(torch.acos((up * wrong).sum(1).clamp(-1, 1)))
    assert 3.5 < angles.mean() < 4.0  # of two directions, 3 degrees each
    torch.testing.assert_close(wrong.norm(dim=1), torch.ones(4000))


@pytest.mark.parametrize("surroundings", [{}, {"isolated": 0.0, "company": 1.0, "gravity_error_degrees": 5.0}])
def test_landmarks_are_the_same_points_at_rest_and_in_the_crop(
    surroundings: dict[str, object], dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    source, frames = inputs(dataset, sampler, landmarks=40, **surroundings), torch.tensor([0, 5, 9, 14, 19, 23])
    crops, _, foreground, landmarks, _ = source.draw(frames, ALL, seeded())
    assert landmarks.shape == (6, 40, 2, 3)
    as_crops = torch.cat((landmarks[:, :, 1], torch.ones_like(landmarks[:, :, 1, :1])), -1).transpose(1, 2)[..., None]
    if not surroundings:  # else gravity is off by an unknown turn
        posed = in_dataset(source, frames, as_crops)[:, :, 0]
        for row, frame in enumerate(frames.tolist()):
            expected = straightened(dataset, frame, posed[row])
            torch.testing.assert_close(landmarks[row, :, 0], expected, atol=3e-3, rtol=0)
    for row in range(6):  # what is seen lies among them
        seen = crops[row, :3].movedim(0, -1)[foreground[row]]
        nearest = torch.cdist(seen, landmarks[row, :, 1]).amin(1)
        assert nearest.max() < 0.12


def test_landmarks_of_bodies_of_other_topologies_are_where_those_of_the_first_are() -> None:
    points = torch.rand((300, 3), generator=torch.Generator().manual_seed(1))
    other = torch.flip(points, (0,))[:280] * 2 + 5
    faces, others = torch.randint(0, 280, (2, 50, 3), generator=torch.Generator().manual_seed(2))
    sampler = FlowSampler(
        canonical=torch.cat((points, 3 * points, other)), posed=torch.cat((points, points.flip(0))),
        faces=torch.cat((faces, others)),
        cumulative_areas=torch.zeros(0), identity_of_frame=torch.tensor([0, 0]),
        first_canonical=torch.tensor([0, 300, 600]), first_posed=torch.tensor([0, 300]),
        first_face=torch.tensor([0, 0, 50]), first_area=torch.tensor([0, 50, 100, 150]),
    )  # fmt: skip
    first, second, third = landmark_vertices(sampler, 12)
    assert torch.equal(first, second) and len(first.unique()) == 12
    kept = first >= 20  # the other body lacks the rest
    torch.testing.assert_close(third[kept], 299 - first[kept])
    spread = torch.cdist(points[first[:10]], points[first[:10]]) + torch.eye(10)
    assert spread.min() > 0.2


def test_a_fifth_of_the_landmarks_lie_where_the_surface_moves_most() -> None:
    points = torch.rand((400, 3), generator=torch.Generator().manual_seed(1))
    still, moving = points.clone(), points[:, 1] < 0.1
    posed = torch.stack((still, still))
    posed[:, moving, 0] += torch.tensor([[-0.5], [0.5]])
    sampler = FlowSampler(
        canonical=points, posed=posed.flatten(0, 1), faces=torch.zeros((1, 3), dtype=torch.int64),
        cumulative_areas=torch.zeros(0), identity_of_frame=torch.tensor([0, 0]), first_canonical=torch.tensor([0]),
        first_posed=torch.tensor([0, 400]), first_face=torch.tensor([0]), first_area=torch.tensor([0, 1]),
    )  # fmt: skip
    chosen = landmark_vertices(sampler, 50)[0]
    assert len(chosen.unique()) == 50
    assert moving[chosen[40:]].all() and moving[chosen[:40]].float().mean() < 0.35


def test_held_out_bodies_have_the_landmarks_of_those_that_are_learned(
    dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    moved = dataclasses.replace(sampler, canonical=sampler.canonical @ torch.diag(torch.tensor([1.0, -1.0, 1.3])))
    learned = landmark_vertices(sampler, 12)
    assert not torch.equal(landmark_vertices(moved, 12)[0], learned[0])
    assert torch.equal(landmark_vertices(moved, 12, sampler)[0], learned[0])


def test_mirrored_crops_show_what_a_mirror_shows_with_the_labels_of_the_subject(
    dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    frames = torch.tensor([0, 5, 9, 14])
    surroundings: dict[str, object] = {"isolated": 0.0, "upright": False}
    plain = inputs(dataset, sampler, mirrored=0.001, **surroundings).draw(frames, ALL, seeded())
    mirror = inputs(dataset, sampler, mirrored=1.0, **surroundings).draw(frames, ALL, seeded())
    assert not plain[4].any() and mirror[4].all()
    turned_round = torch.tensor([-1.0, 1.0, 1.0, 1.0])[:, None, None]
    assert torch.equal(mirror[0], plain[0].flip(-1) * turned_round)
    assert torch.equal(mirror[1], plain[1].flip(-1)) and torch.equal(mirror[2], plain[2].flip(-1))


def test_crops_that_are_not_upright_are_in_the_axes_of_the_camera(
    dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    source = inputs(dataset, sampler, upright=False, roll_degrees=70.0)
    crops, _, foreground, *_ = source.draw(torch.arange(8), ALL, seeded())
    columns = torch.arange(48.0) - 23.5
    for row in range(8):
        seen = crops[row, 0][foreground[row]], columns.expand(48, 48)[foreground[row]]
        assert torch.corrcoef(torch.stack(seen))[0, 1] > 0.9
        seen = crops[row, 1][foreground[row]], -columns[:, None].expand(48, 48)[foreground[row]]
        assert torch.corrcoef(torch.stack(seen))[0, 1] > 0.9


def test_forearms_go_on_where_hands_end_and_are_no_foreground(dataset: RegisteredDataset, sampler: FlowSampler) -> None:
    """Ellipsoids stand for hands: their lower ends for wrists."""
    source, frames = inputs(dataset, sampler, forearm=1.0, isolated=0.0), torch.arange(6)
    numbers = _Numbers.draw(6, ALL, 48, seeded())
    bodies, images = source._bodies(source._place(frames, numbers), numbers)
    assert bodies.count == 12 and len(images) == len(bodies.faces)
    for row in range(6):
        hand, arm = (bodies.vertices[bodies.body_of_vertex == body] for body in (row, row + 6))
        wrist, elbow = arm.unflatten(0, (2, -1)).mean(1)
        assert (wrist - hand[hand[:, 1].argmin()]).norm() < 0.08
        assert elbow[1] < wrist[1] - 0.5
    alone = inputs(dataset, sampler, forearm=1.0).draw(frames, ALL, seeded())
    assert torch.equal(alone[0][:, 3] > 0, alone[2])


def test_the_second_of_two_hands_is_the_other_one_where_sides_are_told(
    dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    frames = torch.arange(12)
    numbers = _Numbers.draw(12, ALL, 48, seeded())
    both = []
    for mirrored in (0.0, 0.5):
        source = inputs(dataset, sampler, isolated=0.0, company=1.0, mirrored=mirrored)
        both.append(source._bodies(source._place(frames, numbers), numbers)[0])
    plain, sided = both
    first = plain.body_of_vertex < 12
    assert torch.equal(plain.vertices[first], sided.vertices[first])
    changed = (plain.vertices - sided.vertices).abs().amax(1) > 1e-4
    moved = {body for body in range(12, 24) if changed[plain.body_of_vertex == body].any()}
    assert 4 < len(moved) < 12  # seven in ten
