"""Corresponding points of canonical and posed meshes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.training.flow_samples import FlowSampler, spread
from tests.support.ellipsoids import write_ellipsoids
from tests.support.training import CPU


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return load_registered_dataset(write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids"))


def test_flow_samples_correspond_like_a_slow_loop_says(dataset: RegisteredDataset) -> None:
    sampler = FlowSampler.load(dataset, CPU)
    frames = torch.tensor([3, 9, 17])
    generator = torch.Generator().manual_seed(0)
    canonical, posed = sampler.draw(frames, 40, (0.002, 0.01), generator)
    uniform = torch.rand((4, 3, 40), generator=torch.Generator().manual_seed(0)).numpy().astype(np.float64)
    for row, frame in enumerate(frames.tolist()):
        label = dataset.labels[frame]
        source = dataset.canonical(label.identity).astype(np.float64)
        target = dataset.sequence(label.identity, label.sequence)[int(label.sample)].astype(np.float64)
        a, b, c = source[dataset.faces(label.identity)].swapaxes(0, 1)
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        share = np.cumsum(areas) / areas.sum()
        for point in range(40):
            face = dataset.faces(label.identity)[np.searchsorted(share, uniform[0, row, point], side="right")]
            root, v = np.sqrt(uniform[1, row, point]), uniform[2, row, point]
            weights = np.array([1 - root, root * (1 - v), root * v])
            sigma = 0.002 if point < 20 else 0.01
            offset = (2 * uniform[3, row, point] - 1) * sigma
            for mesh, sample in ((source, canonical[row, point]), (target, posed[row, point])):
                a, b, c = mesh[face]
                normal = np.cross(b - a, c - a)
                expected = weights @ mesh[face] + offset * normal / np.linalg.norm(normal)
                assert np.abs(expected - sample.numpy()).max() < 1e-5


def test_flow_samples_stay_within_their_offsets_of_the_surface(dataset: RegisteredDataset) -> None:
    sampler = FlowSampler.load(dataset, CPU)
    canonical, _ = sampler.draw(torch.arange(3), 500, (0.002, 0.01), torch.Generator().manual_seed(1))
    radii = torch.tensor([0.12, 0.35, 0.15])
    level = ((canonical[0] / radii).square().sum(-1).sqrt() - 1).abs() * 0.12
    assert level[:250].max() < 0.006
    assert level.max() < 0.02


def test_a_part_of_a_batch_is_the_same_points_as_in_the_whole(dataset: RegisteredDataset) -> None:
    sampler = FlowSampler.load(dataset, CPU)
    frames, sigmas = torch.tensor([20, 3, 9, 17]), (0.002, 0.01)
    whole = sampler.draw(frames, 30, sigmas, torch.Generator().manual_seed(5))
    for mine in (slice(0, 2), slice(2, 4), slice(1, 2)):
        generator = torch.Generator().manual_seed(5)
        part = sampler.draw(frames, 30, sigmas, generator, mine)
        for one, all_of_them in zip(part, whole, strict=True):
            assert torch.equal(one, all_of_them[mine])
        after = torch.Generator().manual_seed(5)
        sampler.draw(frames, 30, sigmas, after)
        assert torch.equal(generator.get_state(), after.get_state())


@pytest.mark.parametrize(
    ("values", "count", "expected"),
    [((1.0, 2.0), 4, [1, 1, 2, 2]), ((1.0, 2.0), 5, [1, 1, 1, 2, 2]), ((3.0,), 2, [3, 3])],
)
def test_each_offset_gets_an_equal_share_of_the_points(
    values: tuple[float, ...], count: int, expected: list[float]
) -> None:
    assert spread(values, count, CPU).tolist() == expected


def test_frames_are_paired_with_vertices_by_their_labels(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d")
    whole = FlowSampler.load(load_registered_dataset(root), CPU)
    labels = json.loads((root / "labels.json").read_text())
    order = [5, 0, 17, 3]
    (root / "labels.json").write_text(json.dumps([labels[row] for row in order]))
    part = FlowSampler.load(load_registered_dataset(root), CPU)
    draw = [
        s.draw(f, 9, (0.0,), torch.Generator().manual_seed(0))
        for s, f in ((part, torch.arange(4)), (whole, torch.tensor(order)))
    ]
    assert torch.equal(draw[0][0], draw[1][0])
    assert torch.equal(draw[0][1], draw[1][1])
    assert torch.equal(part.identity_of_frame, whole.identity_of_frame[order])


def test_a_label_of_a_frame_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d")
    labels = json.loads((root / "labels.json").read_text())
    labels[2]["sample_id"] = "000400"
    (root / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(InputError, match="000400"):
        FlowSampler.load(load_registered_dataset(root), CPU)
