"""A fit of what several calibrated cameras have seen at the same moments."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.methods.distances import measure
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.agreement import agreement, agreement_of_views
from engine.methods.npm.calibration import check_calibration, disagreements
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, fit_codes
from engine.methods.npm.landmarks import clearness, landmarks_at_rest, surest_heeded
from engine.methods.npm.method import METHOD
from engine.methods.npm.observations import Coordinates, Observations, ObservedLandmarks
from engine.methods.npm.observing import observe
from engine.methods.npm.start import aligned, shape_through_coordinates
from engine.methods.npm.variables import FittedModel
from engine.methods.request import FitRequest
from engine.methods.run import CAMERAS, load_run
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.several_views import open_views
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.around import FRAMES, doll_meshes, poses_around, record, recorded_around
from tests.support.toy_model import toy_model

QUICK = FitConfig(steps=12, surface_points=256, free_space_points=64, resolution=40)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return recorded_around(tmp_path_factory.mktemp("around"), 4)


def opened(*folders: Path) -> DepthSequence:
    return open_views(folders, (), AS_RECORDED, toy_model())


def off_mm(fitted: FittedCodes) -> float:
    """Mean distance of the true surface, all around, from that of a fit; millimetres."""
    model = toy_model()
    similarity = model.info.similarity
    mesh = extract_surface(model, fitted.shape_code, 48)
    each = []
    for true, code, rotation, shift in zip(
        doll_meshes(), fitted.pose_codes, fitted.rotations.numpy(), fitted.translations.numpy(), strict=True
    ):
        placed = similarity.to_world(pose_vertices(model, fitted.shape_code, code, mesh.vertices) @ rotation.T + shift)
        each.append(cKDTree(placed).query(true.vertices)[0].mean())
    return 1000 * float(np.mean(each))


def test_what_one_camera_sees_from_the_side_alone_is_found_with_a_second_one(folders: list[Path]) -> None:
    model, side, front = toy_model(), folders[1], folders[0]
    one, two = (fit_codes(model, observe(opened(*some), model), QUICK) for some in ((side,), (side, front)))
    assert off_mm(two) < 0.5 * off_mm(one)


def test_the_run_of_several_cameras_names_them_says_how_they_agree_and_is_measured_by_all(
    folders: list[Path], toy_folder: Path, tmp_path: Path
) -> None:
    loaded = LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))
    config = QUICK.model_copy(update={"steps": 3})
    run = run_fit(FitRequest(METHOD, config, opened(*folders[:2]), tmp_path / "run", loaded))
    stored = load_run(run.folder)
    assert stored.inputs.sequence == folders[0].resolve()
    assert stored.inputs.views == (folders[1].resolve(),)
    assert stored.details["steps"] == 2 * config.steps
    assert list(stored.details[CAMERAS]) == [str(folders[0]), str(folders[1])]
    meshes = run.meshes
    both = measure(meshes, opened(*folders[:2])).frames
    alone = [measure(meshes, opened(folder)).frames for folder in folders[:2]]
    for frame, first, second in zip(both, *alone, strict=True):
        assert frame.pixels == first.pixels + second.pixels
        assert frame.mean_m == pytest.approx((first.mean_m + second.mean_m) / 2)


def test_a_camera_that_sees_nothing_in_some_frames_takes_nothing_from_the_others(folders: list[Path]) -> None:
    model, sequence = toy_model(), opened(*folders[::2])
    observations = observe(sequence, model)
    (other,) = observations.others
    blind = dataclasses.replace(
        other, seen=torch.zeros(FRAMES, dtype=torch.bool), points=torch.zeros_like(other.points)
    )
    one = fit_codes(model, dataclasses.replace(observations, others=()), QUICK)
    with_blind = fit_codes(model, dataclasses.replace(observations, others=(blind,)), QUICK)
    assert abs(off_mm(with_blind) - off_mm(one)) < 4.0
    first = dataclasses.replace(observations, seen=blind.seen, points=torch.zeros_like(observations.points))
    assert torch.equal(first.seen_by_any, other.seen)
    assert off_mm(fit_codes(model, first, QUICK)) < 2 * off_mm(one)


def test_nothing_in_any_camera_is_refused_and_nothing_in_one_is_not(folders: list[Path]) -> None:
    sequence, nothing = opened(*folders[:2]), np.zeros((90, 120), np.float32)
    blind = [dataclasses.replace(view, read_frame=lambda _: nothing, others=()) for view in sequence.views]
    assert observe(dataclasses.replace(sequence, others=(blind[1],)), toy_model()).seen_by_any.all()
    with pytest.raises(InputError, match="shows nothing like"):
        observe(dataclasses.replace(blind[0], others=(blind[1],)), toy_model())


def told(observations: Observations) -> Observations:
    """As if a network had said of both cameras where ten points of the doll are."""
    points = torch.tensor(np.stack([mesh.vertices[:: len(mesh.vertices) // 10] for mesh in doll_meshes()]))
    points = torch.tensor(toy_model().info.similarity.to_canonical(points.numpy())).float()
    rest = points.mean(0).expand_as(points)
    generator = torch.Generator().manual_seed(0)

    def with_network(view: Observations, noise: float) -> Observations:
        noisy = points + noise * torch.randn(points.shape, generator=generator)
        landmarks = ObservedLandmarks(rest, noisy, torch.full(points.shape[:2], noise))
        coordinates = Coordinates(torch.zeros_like(view.points), torch.full(view.points.shape[:2], noise))
        return dataclasses.replace(view, landmarks=landmarks, coordinates=coordinates)

    others = tuple(with_network(view, 0.02) for view in observations.others)
    return dataclasses.replace(with_network(observations, 0.01), others=others)


def test_cameras_that_agree_are_told_from_one_that_stands_elsewhere(folders: list[Path]) -> None:
    sequence = opened(*folders[:3])
    observations = told(observe(sequence, toy_model()))
    assert max(off for off in disagreements(observations) if off is not None) < 0.02
    check_calibration(observations, sequence, toy_model().info.similarity, Progress())
    turn = torch.tensor(Rotation.from_euler("y", 20, degrees=True).as_matrix(), dtype=torch.float32)
    moved = [*observations.others]
    moved[0] = moved[0].relocated(turn.repeat(FRAMES, 1, 1), torch.tensor([[0.3, 0.0, 0.2]]).repeat(FRAMES, 1))
    wrong = dataclasses.replace(observations, others=tuple(moved))
    off = disagreements(wrong)
    assert off[1] is not None and off[1] > 0.25
    with pytest.raises(InputError, match=r"view_\d: its subject is \d+ mm beside that of the other cameras; calibrate"):
        check_calibration(wrong, sequence, toy_model().info.similarity, Progress())


def test_of_cameras_that_never_see_the_subject_together_nothing_is_said(folders: list[Path]) -> None:
    observations = told(observe(opened(*folders[:2]), toy_model()))
    first = dataclasses.replace(observations, seen=torch.tensor([True, False, False]))
    others = tuple(dataclasses.replace(view, seen=torch.tensor([False, True, False])) for view in observations.others)
    assert disagreements(dataclasses.replace(first, others=others)) == [None, None]


def test_landmarks_of_several_cameras_count_by_their_precision(folders: list[Path]) -> None:
    observations = told(observe(opened(*folders[:2]), toy_model()))
    (other,) = observations.others
    assert other.landmarks is not None
    shifted = dataclasses.replace(other.landmarks, canonical=other.landmarks.canonical + 0.004)
    observations = dataclasses.replace(observations, others=(dataclasses.replace(other, landmarks=shifted),))
    assert observations.landmarks is not None
    found = landmarks_at_rest(observations)[0] - observations.landmarks.canonical[0]
    worth = clearness(observations)[:, 0] / torch.tensor([0.01, 0.02]).square()
    assert found.mean() == pytest.approx(0.004 * float(worth[1] / worth.sum()), rel=0.1)


def test_of_each_landmark_the_surest_camera_that_shows_the_subject_counts_most(folders: list[Path]) -> None:
    observations = told(observe(opened(*folders[:2]), toy_model()))
    (other,) = observations.others
    assert observations.landmarks is not None and other.landmarks is not None
    expected = other.landmarks.deviations.clone()
    expected[1, 0] = 0.001  # the other camera is less sure of all but this one
    surer = dataclasses.replace(other.landmarks, deviations=expected)
    hidden = torch.tensor([True, True, False])  # from the first camera, in the last frame
    both = dataclasses.replace(
        observations, seen=hidden, others=(dataclasses.replace(other, landmarks=surer, seen=hidden.new_ones(FRAMES)),)
    )
    heeded = [view.landmarks for view in surest_heeded(both).views]
    for frame in range(FRAMES):
        for landmark in range(expected.shape[1]):
            said = observations.landmarks.deviations[frame, landmark], expected[frame, landmark]
            is_first = frame < 2 and bool(said[0] < said[1])
            for each, before, counts in zip(heeded, said, (is_first or frame == 2, not is_first), strict=True):
                assert each is not None
                assert float(each.deviations[frame, landmark] / before) == pytest.approx(1 if counts else 25)


def test_places_are_found_by_whichever_camera_sees_the_subject(folders: list[Path]) -> None:
    observations = told(observe(opened(*folders[:2]), toy_model()))
    fitted = FittedModel.of(toy_model(), False, 3)
    hidden = dataclasses.replace(observations, seen=torch.tensor([False, True, True]))
    variables = aligned(fitted, hidden, fitted.mean(FRAMES))
    assert (variables.translations.norm(dim=1) < 0.2).all()
    assert torch.isfinite(shape_through_coordinates(fitted, hidden)).all()


def test_a_mesh_beside_what_the_second_camera_saw_is_far_from_it(folders: list[Path], tmp_path: Path) -> None:
    """The first camera cannot see how far away a thing is that it sees the front of."""
    sequence = opened(folders[0], folders[2])
    vertices = np.stack([mesh.vertices for mesh in doll_meshes()])
    deep = vertices.copy()
    back = deep[..., 2] < np.median(deep[..., 2])
    deep[back] -= [0.0, 0.0, 0.2]
    names, times_s, faces = sequence.frame_names, sequence.times_s, doll_meshes()[0].faces
    front, both = (
        measure(mesh_sequence("m", deep, faces, names, times_s), some) for some in (opened(folders[0]), sequence)
    )
    for one, two in zip(front.frames, both.frames, strict=True):
        assert one.mean_m is not None and two.mean_m is not None and two.mean_m > 2 * one.mean_m


def test_recordings_without_any_calibration_are_refused(tmp_path: Path) -> None:
    poses = poses_around(2)
    silent = [record(tmp_path / f"{view}", poses[view], None) for view in range(2)]
    with pytest.raises(InputError, match="does not state where its camera is among the others"):
        opened(*silent)


def test_how_well_several_cameras_agree_is_their_mean_in_which_an_unusual_pose_counts_less(folders: list[Path]) -> None:
    observations = told(observe(opened(*folders[:2]), toy_model()))
    model = toy_model()
    fitted = fit_codes(model, observations, QUICK.model_copy(update={"steps": 2}))
    both = agreement_of_views(model, observations, fitted)
    alone = [agreement(model, dataclasses.replace(view, others=()), fitted) for view in observations.views]
    torch.testing.assert_close(both.pixels, (alone[0].pixels + alone[1].pixels) / 2)
    torch.testing.assert_close(both.pose, alone[0].pose / 2**0.5)
    gone = dataclasses.replace(observations.others[0], seen=torch.tensor([True, True, False]))
    part = agreement_of_views(model, dataclasses.replace(observations, others=(gone,)), fitted)
    assert part.pixels[2] == alone[0].pixels[2] and part.pose[2] == alone[0].pose[2]
