import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.energy import nearest_partner
from engine.methods.npm.fit import FitPreview, fit_codes
from engine.methods.npm.initialise import shortest_path
from engine.methods.npm.method import METHOD
from engine.methods.npm.observations import observe
from engine.methods.request import FitRequest
from engine.methods.run import load_run
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import toy_model

QUICK = FitConfig(iterations=60, surface_points=256, observed_points=256, resolution=48)
FRAMES = 4


class Listener(Progress):
    """Keeps what it hears; asks to stop after some steps of a stage."""

    def __init__(self, stop_in: str = "", after: int = 0) -> None:
        self.stages: list[str] = []
        self.previews: list[FitPreview] = []
        self._stop_in, self._after, self._done = stop_in, after, 0

    def stage(self, name: str, total: int) -> None:
        self.stages.append(name)
        self._done = 0

    def advance(self, done: int, metrics: object = None) -> None:
        self._done = done

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
    config = QUICK.model_copy(update={"iterations": 120})
    run = run_fit(request(sequence, toy_folder, tmp_path / "run", config), listener)
    assert listener.stages == ["read depth", "search", "fit", "mesh", "measure"]
    assert len(listener.previews) == 120 // config.preview_interval
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
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(10, 121, 10))
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
    assert run.details["iterations"] == 5
    assert load_run(tmp_path / "run").interrupted


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
    observations = observe(load_depth_sequence(tmp_path / "one"), model.info.similarity, torch.device("cpu"))
    fitted = fit_codes(model, observations, QUICK.model_copy(update={"iterations": 5}))
    assert fitted.pose_codes.shape == (1, 8)
    assert torch.isfinite(fitted.energy).all()


def test_observed_points_lie_on_the_true_surface_and_project_onto_their_pixels(truth: tuple[Path, np.ndarray]) -> None:
    sequence, vertices = truth
    model = toy_model()
    observations = observe(load_depth_sequence(sequence), model.info.similarity, torch.device("cpu"))
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


def test_partners_are_those_of_a_slow_search() -> None:
    generator = torch.Generator().manual_seed(3)
    observed, model = torch.rand(2, 30, 3, generator=generator), torch.rand(2, 50, 3, generator=generator)
    n_observed = torch.nn.functional.normalize(torch.randn(2, 30, 3, generator=generator), dim=-1)
    n_model = torch.nn.functional.normalize(torch.randn(2, 50, 3, generator=generator), dim=-1)
    allowed = torch.rand(2, 50, generator=generator) > 0.5
    allowed[1] = False  # nothing allowed: everything is
    found = nearest_partner(observed, n_observed, model, n_model, allowed)
    for frame in range(2):
        for point in range(30):
            costs = [
                float((model[frame, j] - observed[frame, point]).square().sum())
                + 0.03**2 * float((n_model[frame, j] - n_observed[frame, point]).square().sum())
                if frame == 1 or allowed[0, j]
                else float("inf")
                for j in range(50)
            ]
            assert costs[int(found[frame, point])] == pytest.approx(min(costs), abs=1e-5)


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
    config = QUICK.model_copy(update={"iterations": 1, "resolution": 24})
    run_fit(request(truth[0], toy_folder, tmp_path / "run", config))
    path = tmp_path / "run" / damage
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError) as caught:
        load_run(tmp_path / "run")
    assert "\n" not in str(caught.value)
