import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.dataset.preparation.view_grids import OccupancyGrid
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.geometry.camera import FRONT_DISTANCE, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.geometry.similarity import Similarity
from engine.methods.npm.encoded import observed_occupancy
from engine.methods.npm.observing import observe
from engine.sequences.depth_sequence import load_depth_sequence
from engine.training import encoder_inputs
from engine.training.config import EncoderStage, Schedule
from engine.training.encoder_inputs import CAMERA, DISTANCES, FileInputs, RenderedInputs, camera_poses
from engine.training.flow_samples import FlowSampler
from external.datasets import open_dataset
from external.npms.grid_files import write_voxelized_view
from external.npms.view import write_view
from tests.support.npms_tree import SPLIT, write_tree
from tests.support.toy_dataset import write_dolls
from tests.support.toy_model import toy_model_in

SIMILARITY = Similarity(0.5, (0.1, -0.2, 0.3))
CONFIG = EncoderStage(Schedule(1), resolution=16, noise=0.0)
ALL = slice(None)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    """Balls of two topologies in bending motions."""
    folder = tmp_path_factory.mktemp("inputs")
    write_view(write_tree(folder / "tree", pools=False, flow=False), folder / "view", SPLIT)
    return open_dataset(folder / "view")


@pytest.fixture(scope="module")
def sampler(dataset: RegisteredDataset) -> FlowSampler:
    return FlowSampler.load(dataset, torch.device("cpu"))


def inputs(sampler: FlowSampler, **changes: object) -> RenderedInputs:
    return RenderedInputs(sampler, SIMILARITY, dataclasses.replace(CONFIG, **changes))  # type: ignore[arg-type]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_a_grid_shows_where_the_rays_of_a_camera_meet_the_posed_mesh(
    dataset: RegisteredDataset, sampler: FlowSampler
) -> None:
    frames = torch.tensor([1, 14])  # of two topologies
    grids = inputs(sampler).draw(frames, ALL, seeded())
    poses = camera_poses(torch.rand((2, 4), generator=seeded())[:, :3].numpy(), CONFIG)
    poses[:, :3, 3] = poses[:, :3, 3] / SIMILARITY.scale + SIMILARITY.centre
    for grid, frame, pose in zip(grids, frames.tolist(), poses, strict=True):
        label = dataset.labels[frame]
        row = dataset.samples_of(label.identity, label.sequence).index(label.sample)
        vertices = SIMILARITY.to_world(dataset.sequence(label.identity, label.sequence)[row])
        depth = render_depth(vertices, dataset.faces(label.identity), CAMERA, pose)
        seen = set()
        for v, u in zip(*np.nonzero(depth), strict=True):
            z = float(depth[v, u])
            ray = ((u + 0.5 - CAMERA.cx) / CAMERA.fx * z, (v + 0.5 - CAMERA.cy) / CAMERA.fy * z, z, 1.0)
            seen.add(tuple(np.rint((SIMILARITY.to_canonical((pose @ ray)[:3]) + 0.5) * 15).astype(int).tolist()))
        found = set(map(tuple, grid.nonzero().tolist()))
        assert len(found) > 20
        assert len(found ^ seen) <= 1  # rounding halfway between two nodes


def test_encoders_see_in_a_fit_what_they_saw_in_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dolls in front of the reference camera, drawn for training and as the sequence of a fit."""
    dolls = load_registered_dataset(write_dolls(tmp_path / "dolls", ("stout",)))
    similarity = dolls.similarity
    monkeypatch.setattr(encoder_inputs, "DISTANCES", (FRONT_DISTANCE, FRONT_DISTANCE))
    front = dataclasses.replace(CONFIG, resolution=64, azimuth_degrees=0.0, elevation_degrees=0.0)
    source = RenderedInputs(FlowSampler.load(dolls, torch.device("cpu")), similarity, front)
    trained = source.draw(torch.arange(len(dolls.labels)), ALL, seeded())
    for number, sequence in enumerate(dolls.sequences_of(0)):
        render_sequence(dolls, 0, sequence, tmp_path / sequence, file_format="npz")
        observations = observe(load_depth_sequence(tmp_path / sequence), toy_model_in(similarity))
        fitted = observed_occupancy(observations, 64)
        for frame, grid in enumerate(fitted, start=number * len(fitted)):
            assert grid.sum() > 300
            assert (grid ^ trained[frame]).sum() <= 2  # rounding halfway between two nodes


def test_a_frame_looks_the_same_alone_and_in_any_share_of_a_batch(sampler: FlowSampler) -> None:
    frames = torch.tensor([0, 7, 13, 2])
    source = inputs(sampler, noise=0.5)
    whole = source.draw(frames, ALL, seeded())
    for mine in (slice(0, 2), slice(2, 3), slice(3, 4)):
        assert torch.equal(source.draw(frames, mine, seeded()), whole[mine])
    assert not torch.equal(source.draw(frames, ALL, torch.Generator().manual_seed(4)), whole)


def test_a_share_of_the_frames_has_the_noise_of_a_sensor(sampler: FlowSampler) -> None:
    frames = torch.arange(8)
    clean, noisy, mixed = (
        inputs(sampler, noise=share, resolution=64).draw(frames, ALL, seeded()) for share in (0.0, 1.0, 0.5)
    )
    is_clean = (mixed == clean).flatten(1).all(1)
    is_noisy = (mixed == noisy).flatten(1).all(1)
    assert (is_clean != is_noisy).all()
    assert is_clean.any() and is_noisy.any()


def test_cameras_look_at_the_origin_from_within_their_limits() -> None:
    uniform = np.random.default_rng(0).random((200, 3))
    config = dataclasses.replace(CONFIG, azimuth_degrees=50.0, elevation_degrees=20.0)
    poses = camera_poses(uniform, config)
    np.testing.assert_allclose(
        poses[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1), np.tile(np.eye(3), (200, 1, 1)), atol=1e-12
    )
    assert (np.linalg.det(poses[:, :3, :3]) > 0).all()
    from_origin = poses[:, :3, 3]
    distance = np.linalg.norm(from_origin, axis=1)
    assert (distance >= DISTANCES[0]).all() and (distance <= DISTANCES[1]).all()
    np.testing.assert_allclose(poses[:, :3, 2], -from_origin / distance[:, None], atol=1e-12)
    azimuth = np.degrees(np.arctan2(from_origin[:, 0], from_origin[:, 2]))
    elevation = np.degrees(np.arcsin(from_origin[:, 1] / distance))
    assert 45 < np.abs(azimuth).max() <= 50 and 18 < np.abs(elevation).max() <= 20
    assert (poses[:, 1, 1] < 0).all()  # heads are up in the picture


def test_the_middle_of_the_limits_is_the_front_camera() -> None:
    share = (1.4 - DISTANCES[0]) / (DISTANCES[1] - DISTANCES[0])
    pose = camera_poses(np.array([[0.5, 0.5, share]]), CONFIG)[0]
    np.testing.assert_allclose(pose, front_camera_to_world(Similarity()), atol=1e-12)


def write_grids(dataset: RegisteredDataset, views: int, resolution: int = 16) -> list[list[np.ndarray]]:
    """Random grids of every frame as files of the published code; returns them by frame and view."""
    random = np.random.default_rng(1)
    written: list[list[np.ndarray]] = []
    for label in dataset.labels:
        stored = dataset.stored[label.identity]
        folder = stored.store.path / stored.name / label.sequence / label.sample / "partial_views"  # type: ignore[attr-defined]
        written.append([])
        for view in range(views):
            grid = random.random((resolution,) * 3) < 0.1
            write_voxelized_view(
                folder / f"voxelized_view{view}_{resolution}res.npz", OccupancyGrid(np.zeros((1, 3)), grid)
            )
            written[-1].append(grid)
    return written


def tree_dataset(folder: Path) -> RegisteredDataset:
    write_view(write_tree(folder / "tree", pools=False, flow=False), folder / "view", SPLIT)
    return open_dataset(folder / "view")


def test_grids_of_files_are_read_by_frame_and_every_view_has_its_turn(tmp_path: Path) -> None:
    dataset = tree_dataset(tmp_path)
    written = write_grids(dataset, views=2)
    source = FileInputs.load(dataset, 16, torch.device("cpu"))
    generator, turns = seeded(), set()
    for _ in range(5):
        for frame, grid in enumerate(source.draw(torch.arange(len(dataset.labels)), ALL, generator).numpy()):
            (view,) = (view for view in range(2) if np.array_equal(grid, written[frame][view]))
            turns.add(view)
    assert turns == {0, 1}
    frames = torch.tensor([4, 1, 9])
    assert torch.equal(source.draw(frames, slice(1, 2), seeded()), source.draw(frames, ALL, seeded())[1:2])


def test_missing_grids_are_refused_with_the_frame_and_what_there_is(tmp_path: Path, dataset: RegisteredDataset) -> None:
    with pytest.raises(InputError, match=r"no occupancy grid of 16 nodes per axis; .*rendered"):
        FileInputs.load(dataset, 16, torch.device("cpu"))
    other = tree_dataset(tmp_path)
    write_grids(other, views=1, resolution=32)
    with pytest.raises(
        InputError, match="000000/partial_views: has no occupancy grid of 16 nodes per axis, only of 32"
    ):
        FileInputs.load(other, 16, torch.device("cpu"))


def test_a_grid_of_another_resolution_than_its_name_says_is_refused(tmp_path: Path) -> None:
    dataset = tree_dataset(tmp_path)
    write_grids(dataset, views=1)
    path = next((tmp_path / "tree").rglob("bend/000001/partial_views/voxelized_view0_16res.npz"))
    write_voxelized_view(path, OccupancyGrid(np.zeros((1, 3)), np.zeros((8, 8, 8), bool)))
    with pytest.raises(InputError, match=r"bend/000001.*not of 16 nodes"):
        FileInputs.load(dataset, 16, torch.device("cpu"))


def test_a_body_fills_most_of_the_picture_and_stays_inside() -> None:
    """What is 0.8 canonical units high, as bodies are, at both ends of the distances."""
    heights = [CAMERA.fy * 0.8 / distance / CAMERA.height for distance in DISTANCES]
    assert 0.5 < heights[1] < heights[0] < 0.95
