import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from engine.core.errors import Cancelled, InputError, Setting
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FitPreview, FittedCodes, between_seen, fit_codes
from engine.methods.npm.method import METHOD
from engine.methods.npm.observations import Observations
from engine.methods.npm.observed_frame import MAP_WIDTH
from engine.methods.npm.observing import observe
from engine.methods.npm.search import shortest_path
from engine.methods.npm.variables import Variables, mean_variables
from engine.methods.request import FitRequest
from engine.methods.run import load_run
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from engine.sequences.isolation import masked, packed
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import toy_model

QUICK = FitConfig(steps=12, surface_points=256, free_space_points=64, resolution=48)
FRAMES = 4


class Listener(Progress):
    """Keeps what it hears; asks to stop after some steps of a stage."""

    def __init__(self, stop_in: str = "", after: int = 0) -> None:
        self.stages: list[str] = []
        self.previews: list[FitPreview] = []
        self.metrics: list[object] = []
        self._stop_in, self._after, self._done = stop_in, after, 0

    def stage(self, name: str, total: int) -> None:
        self.stages.append(name)
        self._done = 0

    def advance(self, done: int, metrics: object = None) -> None:
        self._done = done
        if metrics:
            self.metrics.append(metrics)

    def preview(self, payload: object) -> None:
        assert isinstance(payload, FitPreview)
        self.previews.append(payload)

    def wants_preview(self) -> bool:
        return True

    def cancelled(self) -> bool:
        return bool(self.stages) and self.stages[-1] == self._stop_in and self._done >= self._after


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A depth sequence of the toy model between two training poses, and its true vertices (F, V, 3)."""
    model = toy_model()
    assert model.pose_codes is not None
    similarity = model.info.similarity
    camera = PinholeCamera(160, 120, 143.0, 144.0, 80.0, 60.0)
    pose = front_camera_to_world(similarity)
    mesh = extract_surface(model, model.shape_codes[1], 48)
    first, last = (model.pose_codes[row] for row in model.frames_of(1)[:2])
    vertices, depths = [], []
    for share in np.linspace(0.2, 0.8, FRAMES):
        vertices.append(
            pose_vertices(model, model.shape_codes[1], first + float(share) * (last - first), mesh.vertices)
        )
        depths.append(render_depth(similarity.to_world(vertices[-1]), mesh.faces, camera, pose))
    folder = tmp_path_factory.mktemp("fit") / "sequence"
    save_depth_sequence(folder, depths, camera, pose, 10.0)
    return folder, np.stack(vertices)


def request(sequence: Path, toy_folder: Path, out: Path, config: FitConfig = QUICK) -> FitRequest:
    loaded = LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))
    return FitRequest(METHOD, config, load_depth_sequence(sequence), out, loaded)


@pytest.mark.slow
def test_a_fit_finds_the_posed_surface(truth: tuple[Path, np.ndarray], toy_folder: Path, tmp_path: Path) -> None:
    sequence, vertices = truth
    listener = Listener()
    config = QUICK.model_copy(update={"steps": 24})
    run = run_fit(request(sequence, toy_folder, tmp_path / "run", config), listener)
    assert listener.stages == ["read depth", "search", "fit", "mesh", "measure"]
    assert len(listener.previews) == 24 // config.preview_interval
    assert listener.previews[0].vertices.shape[0] == FRAMES
    assert run.inputs.similarity == toy_model().info.similarity
    for fitted, true in zip(run.meshes, vertices, strict=True):
        distances = cKDTree(toy_model().info.similarity.to_canonical(fitted.vertices)).query(true)[0]
        assert np.median(distances) < 0.012  # vertices of a 48^3 grid are 0.02 apart
    stored = load_run(tmp_path / "run")
    assert np.array_equal(stored.meshes.vertices(), run.meshes.vertices())
    assert stored.artefacts == ("canonical.ply", "codes.npz")
    assert stored.inputs.config == config.model_dump()
    assert set(stored.timings) == {"read", "fit", "mesh", "measure", "total"}
    assert stored.cameras_to_world is not None
    assert stored.frame_names == load_depth_sequence(sequence).frame_names
    with np.load(tmp_path / "run" / "codes.npz") as codes:
        assert codes["shape"].shape == (1, 1, 8)
        assert codes["pose"].shape == (FRAMES, 1, 8)


def test_a_cancelled_fit_keeps_the_best_so_far(
    truth: tuple[Path, np.ndarray], toy_folder: Path, tmp_path: Path
) -> None:
    listener = Listener(stop_in="fit", after=5)
    run = run_fit(request(truth[0], toy_folder, tmp_path / "run"), listener)
    assert run.interrupted
    assert run.details["steps"] == 5
    assert load_run(tmp_path / "run").interrupted


def test_a_fit_says_after_every_step_how_far_what_was_seen_lies_from_the_surface(
    truth: tuple[Path, np.ndarray],
) -> None:
    listener, model = Listener(), toy_model()
    fit_codes(model, observe(load_depth_sequence(truth[0]), model), QUICK, progress=listener)
    distances = [line["distance_mm"] for line in listener.metrics if isinstance(line, dict)]
    assert len(distances) == QUICK.steps and 0 < distances[-1] < distances[0]
    assert distances[-1] < 1.2 * min(distances)


def test_a_fit_cancelled_before_it_began_leaves_nothing(
    truth: tuple[Path, np.ndarray], toy_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        run_fit(request(truth[0], toy_folder, tmp_path / "run"), Listener(stop_in="read depth"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_is_never_replaced(
    truth: tuple[Path, np.ndarray], toy_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not a run"):
        run_fit(request(truth[0], toy_folder, tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_model_without_a_pose_part_is_refused_before_any_work(truth: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    shape_only = dataclasses.replace(toy_model(), pose_decoder=None, pose_codes=None)
    loaded = LoadedModel(tmp_path / "shape.npm", shape_only)
    with pytest.raises(InputError, match=r"shape\.npm: has no pose part yet"):
        run_fit(FitRequest(METHOD, QUICK, load_depth_sequence(truth[0]), tmp_path / "run", loaded))
    assert list(tmp_path.iterdir()) == []


def test_one_frame_is_a_sequence_too(truth: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    sequence = load_depth_sequence(truth[0])
    save_depth_sequence(tmp_path / "one", [sequence.depth_m(0)], sequence.camera, sequence.camera_at(0), 10.0)
    model = toy_model()
    observations = observe(load_depth_sequence(tmp_path / "one"), model)
    fitted = fit_codes(model, observations, QUICK.model_copy(update={"steps": 5}))
    assert fitted.pose_codes.shape == (1, 8)
    assert torch.isfinite(fitted.pose_codes).all() and torch.isfinite(fitted.translations).all()


def test_observed_points_lie_on_the_true_surface_and_project_onto_their_pixels(truth: tuple[Path, np.ndarray]) -> None:
    sequence, vertices = truth
    model = toy_model()
    observations = observe(load_depth_sequence(sequence), model)
    mesh = extract_surface(model, model.shape_codes[1], 48)
    import igl

    squared = igl.point_mesh_squared_distance(
        observations.points[0].numpy().astype(float), vertices[0].astype(float), mesh.faces.astype(np.int64)
    )[0]
    assert np.sqrt(squared).max() < 0.004  # millimetres of the stored depth
    pixels, depth = observations.project(torch.tensor([1]), observations.points[1:2])
    index, inside = observations.pixel_index(pixels)
    assert inside.all()
    assert (observations.depth[1].flatten()[index[0]] - depth[0]).abs().max() < 1e-4


def codes_and_places(fitted: FittedCodes) -> tuple[torch.Tensor, ...]:
    return fitted.shape_code, fitted.pose_codes, fitted.rotations, fitted.translations


def fitted_points(fitted: FittedCodes, points: np.ndarray) -> np.ndarray:
    """Canonical ``points`` (N, 3) where the fit has them (F, N, 3)."""
    model = toy_model()
    local = np.stack([pose_vertices(model, fitted.shape_code, code, points) for code in fitted.pose_codes])
    placed = local @ fitted.rotations.numpy().transpose(0, 2, 1) + fitted.translations.numpy()[:, None]
    return np.asarray(placed)


def test_a_fit_is_repeated_by_its_seed(truth: tuple[Path, np.ndarray]) -> None:
    observations = observe(load_depth_sequence(truth[0]), toy_model(), seed=1)
    config = QUICK.model_copy(update={"steps": 4})
    first, again, other = (fit_codes(toy_model(), observations, config, seed) for seed in (1, 1, 2))
    for one, two in zip(codes_and_places(first), codes_and_places(again), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first.pose_codes, other.pose_codes)


@pytest.mark.slow
def test_a_subject_elsewhere_is_fitted_as_well_and_found_there(truth: tuple[Path, np.ndarray]) -> None:
    """The same depth images of a camera elsewhere: the world is moved as a whole, and so is the fit."""
    sequence, vertices = truth
    recorded = load_depth_sequence(sequence)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec((0, 0.05, 0)).as_matrix()
    turn[:3, 3] = 1.5, 0.2, -0.8
    moved = dataclasses.replace(
        recorded, cameras_to_world=np.stack([turn @ recorded.camera_at(frame) for frame in range(len(recorded))])
    )
    canonical = extract_surface(toy_model(), toy_model().shape_codes[1], 48).vertices
    scale = toy_model().info.similarity.scale
    for source, world in ((recorded, np.eye(4)), (moved, turn)):
        fitted = fit_codes(toy_model(), observe(source, toy_model()), QUICK.model_copy(update={"steps": 24}))
        expected = vertices @ world[:3, :3].T + scale * world[:3, 3]
        for found, true in zip(fitted_points(fitted, canonical), expected, strict=True):
            assert np.median(cKDTree(found).query(true)[0]) < 0.012


def hiding(observations: Observations, frames: list[int]) -> Observations:
    """As if ``frames`` had shown nothing."""
    hidden = {"points": 0.0, "normals": 0.0, "seen": False, "depth": 0.0, "subject": False}
    changed = {name: getattr(observations, name).clone() for name in hidden}
    for name, value in hidden.items():
        changed[name][frames] = value
    return dataclasses.replace(observations, **changed)


def test_frames_that_show_nothing_are_marked_and_filled_from_their_neighbours(
    truth: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    sequence = load_depth_sequence(truth[0])
    images = [sequence.depth_m(frame) for frame in range(FRAMES)]
    images[0], images[2] = np.zeros_like(images[0]), np.zeros_like(images[2])
    save_depth_sequence(tmp_path / "gaps", images, sequence.camera, sequence.camera_at(0), 10.0)
    observations = observe(load_depth_sequence(tmp_path / "gaps"), toy_model())
    assert observations.seen.tolist() == [False, True, False, True]
    assert not observations.points[~observations.seen].any()
    fitted = fit_codes(toy_model(), observations, QUICK)
    assert all(torch.isfinite(part).all() for part in codes_and_places(fitted))
    middle = fitted_points(fitted, extract_surface(toy_model(), fitted.shape_code, 32).vertices).mean(1)
    assert np.abs(middle - middle[1]).max() < 0.1


@pytest.mark.parametrize(("acceleration", "nearest"), [(30.0, [1, 1, None, 3]), (0.0, [1, 1, 1, 3])])
def test_frames_that_nothing_is_known_of_are_as_the_nearest_that_was_seen(
    truth: tuple[Path, np.ndarray], acceleration: float, nearest: list[int | None]
) -> None:
    """And are not drawn to the mean pose by priors; between frames that were seen, motion goes on evenly."""
    hidden = hiding(observe(load_depth_sequence(truth[0]), toy_model()), [0, 2])
    fitted = fit_codes(toy_model(), hidden, QUICK.model_copy(update={"acceleration": acceleration}))
    for frame, other in enumerate(nearest):
        for part in (fitted.pose_codes, fitted.rotations, fitted.translations):
            assert other is None or torch.equal(part[frame], part[other])


def test_frames_between_seen_ones_have_one_on_either_side() -> None:
    seen = [False, True, False, False, True, True, False]
    expected = [any(seen[:frame]) and any(seen[frame + 1 :]) for frame in range(len(seen))]
    assert between_seen(torch.tensor(seen)).tolist() == expected
    assert not between_seen(torch.tensor([True])).any()


def test_what_is_seen_of_other_frames_does_not_depend_on_how_an_empty_frame_is_stored(
    truth: tuple[Path, np.ndarray],
) -> None:
    observations = observe(load_depth_sequence(truth[0]), toy_model())
    config = QUICK.model_copy(update={"steps": 3})
    hidden = hiding(observations, [1])
    odd = dataclasses.replace(hidden, points=hidden.points + 0.3 * (~hidden.seen)[:, None, None])
    plain, other = (fit_codes(toy_model(), each, config) for each in (hidden, odd))
    assert torch.isfinite(plain.pose_codes).all()
    torch.testing.assert_close(plain.pose_codes, other.pose_codes)


def test_a_sequence_that_shows_nothing_at_all_is_refused(truth: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    sequence = load_depth_sequence(truth[0])
    speck = np.where(np.arange(sequence.depth_m(0).size).reshape(sequence.depth_m(0).shape) < 20, 2.5, 0)
    save_depth_sequence(
        tmp_path / "nothing", [speck.astype(np.float32)] * 2, sequence.camera, sequence.camera_at(0), 10.0
    )
    with pytest.raises(InputError, match="shows nothing like dolls") as caught:
        observe(load_depth_sequence(tmp_path / "nothing"), toy_model())
    assert "\n" not in str(caught.value)
    assert "depth units" not in str(caught.value)


def test_where_a_subject_would_be_millimetres_away_the_unit_is_what_is_to_be_corrected(tmp_path: Path) -> None:
    camera = PinholeCamera(160, 120, 143.0, 144.0, 80.0, 60.0)
    depth = np.zeros((120, 160), np.float32)
    depth[50, 60:65] = 0.004
    save_depth_sequence(tmp_path / "near", [depth] * 2, camera, np.eye(4), 10.0)
    with pytest.raises(InputError, match=r"nothing like dolls, at 4 mm from the camera; .*depth units per metre"):
        observe(load_depth_sequence(tmp_path / "near"), toy_model())


def test_a_subject_that_the_reduced_maps_miss_is_not_seen(tmp_path: Path) -> None:
    camera = PinholeCamera(12 * MAP_WIDTH, 60, 3000.0, 3000.0, 6.0 * MAP_WIDTH, 30.0)  # one of twelve pixels is kept
    depths = [np.zeros((60, 12 * MAP_WIDTH), np.float32) for _ in range(2)]
    for depth, size in zip(depths, (11, 40), strict=True):
        depth[13 : 13 + size, 1441 : 1441 + size] = 2.5
    save_depth_sequence(tmp_path / "small", depths, camera, front_camera_to_world(toy_model().info.similarity), 10.0)
    observations = observe(load_depth_sequence(tmp_path / "small"), toy_model())
    assert observations.subject.flatten(1).any(1).tolist() == observations.seen.tolist() == [False, True]
    assert observations.silhouette.min() >= 0 and observations.silhouette.max() < observations.subject[0].numel()
    assert not observations.points[0].any()


def test_what_was_isolated_is_to_be_checked_where_it_is_nothing_like_the_class(truth: tuple[Path, np.ndarray]) -> None:
    sequence = load_depth_sequence(truth[0])
    speck = np.arange(sequence.depth_m(0).size).reshape(sequence.depth_m(0).shape) < 20
    with pytest.raises(InputError, match="what was isolated of it does not look like dolls") as caught:
        observe(masked(sequence, [packed(speck)] * len(sequence)), toy_model())
    assert Setting.MASKS in caught.value.settings and "isolate" not in str(caught.value.remedy)


def test_the_shortest_path_is_that_of_trying_all() -> None:
    import itertools

    generator = torch.Generator().manual_seed(2)
    costs, jumps = torch.rand(4, 3, generator=generator), torch.rand(3, 3, generator=generator)
    jumps = jumps + jumps.T
    total = {
        path: sum(float(costs[f, u]) for f, u in enumerate(path))
        + sum(float(jumps[a, b]) for a, b in itertools.pairwise(path))
        for path in itertools.product(range(3), repeat=4)
    }
    assert tuple(shortest_path(costs, jumps).tolist()) == min(total, key=lambda path: total[path])


@pytest.mark.parametrize("damage", ["run.json", "codes.npz", "meshes/000001.ply"])
def test_a_damaged_run_is_refused_in_one_line(
    truth: tuple[Path, np.ndarray], toy_folder: Path, tmp_path: Path, damage: str
) -> None:
    config = QUICK.model_copy(update={"steps": 1, "resolution": 24})
    run_fit(request(truth[0], toy_folder, tmp_path / "run", config))
    path = tmp_path / "run" / damage
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError) as caught:
        load_run(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_the_mean_of_several_fits_lies_between_them_and_its_rotations_are_rotations() -> None:
    def turned(degrees: float, value: float) -> Variables:
        rotation = torch.from_numpy(Rotation.from_euler("y", degrees, degrees=True).as_matrix()).float()
        numbers = torch.full((2, 3), value)
        return Variables(numbers[0], numbers, rotation.expand(2, 3, 3), numbers)

    mean = mean_variables([turned(10, 0.0), turned(30, 1.0)])
    expected = turned(20, 0.5)
    for field in dataclasses.fields(mean):
        torch.testing.assert_close(getattr(mean, field.name), getattr(expected, field.name))
