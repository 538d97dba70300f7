"""A depth sequence of a toy doll with its truth and a run fitted to it, made once per session; copy before changing."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.registry import registered
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.sequences.depth_sequence import save_depth_sequence
from engine.sequences.mesh_sequence import regular_times
from engine.sequences.truth import save_truth
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.present import present
from tests.support.runs import save_npm_run
from tests.support.toy_model import toy_model

pytest_plugins = ["tests.support.fixtures"]

VIEWS = Path(__file__).parent / "npm_studio" / "views"

CAMERA = PinholeCamera(160, 120, 143.0, 144.0, 80.0, 60.0)
FRAMES = ("000000", "000001", "000002")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Processes that share the tests: one per core for whole folders; a few files are sooner done in this one."""
    if all(Path(argument.split("::")[0]).is_file() for argument in config.args):
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # in each of them
    return min(4, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of the window, and skip those that need a GPU where there is none."""
    for item in items:
        if VIEWS in item.path.parents:
            item.add_marker("gui")
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))


def doll_frames() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (F, V, 3) and faces (T, 3) of the first training sequence of the first doll."""
    model = toy_model()
    mesh = extract_surface(model, model.shape_codes[0], 48)
    frames = [pose_vertices(model, model.shape_codes[0], code, mesh.vertices) for code in present(model.pose_codes)[:3]]
    return np.stack(frames), mesh.faces


def pytest_configure() -> None:
    """Without the entry points of ``pyproject.toml`` there is no reader of recordings, and failures that mislead."""
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["entry-points"]
    for group, names in declared.items():
        if missing := set(names) - set(registered(group)):
            pytest.exit(f"{group} lacks {', '.join(sorted(missing))}: run `make .venv/ready`, which installs it", 4)


@pytest.fixture(scope="session")
def depth_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A depth sequence folder of three frames with truth."""
    folder = tmp_path_factory.mktemp("captures") / "doll"
    similarity = toy_model().info.similarity
    pose = front_camera_to_world(similarity)
    vertices, faces = doll_frames()
    depths = [render_depth(similarity.to_world(frame), faces, CAMERA, pose) for frame in vertices]
    save_depth_sequence(folder, depths, CAMERA, pose, 10.0, FRAMES)
    save_truth(folder / "truth", vertices, faces, FRAMES, regular_times(len(FRAMES), 10.0), similarity)
    return folder


@pytest.fixture(scope="session")
def fitted_run(tmp_path_factory: pytest.TempPathFactory, depth_capture: Path) -> Path:
    """A run folder whose meshes are the truth of ``depth_capture``, 0.01 canonical units too far to the right."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = toy_model()
    vertices, faces = doll_frames()
    codes = (model.shape_codes[0].numpy(), present(model.pose_codes)[:3].numpy())
    inputs = (depth_capture, folder.parent / "toy.npm")
    save_npm_run(
        folder, vertices + np.array([0.01, 0, 0], np.float32), faces, model.info.similarity, inputs, codes, FRAMES
    )
    return folder
