"""Mesh files of others as truth: their unit, their axes, and what can be measured of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.dataset.source_axes import SourceAxes, axes_of_text
from engine.evaluate.mesh_axes import Evidence
from engine.evaluate.metrics import SequenceMetrics, evaluate_sequence
from engine.evaluate.prediction import Prediction
from engine.evaluate.raw_truth import open_raw_truth
from engine.geometry.mesh import Mesh, save_mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.similarity import Similarity
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.sequences.truth import Truth
from npm_studio.cli.words import words
from tests.support.progress import Listener

FRAMES = ("f0", "f1", "f2")


def blobs(subdivisions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Three frames (F, V, 3) of a body of 1.8 m that stands upright and swings, without any symmetry; metres, Y up."""
    ball = trimesh.creation.icosphere(subdivisions)
    vertices = np.asarray(ball.vertices) * (0.3, 0.9, 0.2) + (0.1, 0.9, -0.2)
    vertices[:, 0] += 0.2 * vertices[:, 1] ** 2
    frames = []
    for frame in range(3):
        moved = vertices.copy()
        moved[:, 2] += 0.1 * frame * vertices[:, 1] ** 2
        frames.append(moved)
    return np.stack(frames).astype(np.float32), np.asarray(ball.faces, np.int32)


def prediction(shift: float = 0.01, **fields: object) -> Prediction:
    """The blobs, moved along x by ``shift`` metres."""
    vertices, faces = blobs()
    moved = vertices + np.array([shift, 0, 0], np.float32)
    return Prediction(mesh_sequence("run", moved, faces, FRAMES, regular_times(3, 30.0)), **fields)  # type: ignore[arg-type]


def write(folder: Path, axes: SourceAxes, ending: str = ".ply", names: tuple[str, ...] = FRAMES) -> Path:
    """The true blobs as a program with other axes writes them."""
    folder.mkdir()
    vertices, faces = blobs()
    for name, frame in zip(names, vertices, strict=False):
        save_mesh(Mesh(axes.from_world(frame), faces), folder / f"{name}{ending}")
    return folder


def opened(path: Path, run: Prediction | None = None, **evidence: object) -> tuple[Truth, list[str]]:
    told = Listener()
    truth = open_raw_truth(path, run or prediction(), Evidence(**evidence), told)  # type: ignore[arg-type]
    return truth, told.messages


def refused(path: Path, run: Prediction | None = None, **evidence: object) -> str:
    with pytest.raises(InputError) as caught:
        opened(path, run, **evidence)
    line = caught.value.line(words)
    assert ";" in line and "\n" not in line
    return line


def evaluated(path: Path) -> SequenceMetrics:
    return evaluate_sequence(prediction(), opened(path)[0], samples=3000, iou_points=20_000)


@pytest.mark.parametrize("unit", ["m", "cm", "mm"])
@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("ending", [".ply", ".obj", ".stl", ".glb"])
def test_unit_and_axes_are_decided_by_size_and_place_and_said(unit: str, up: str, ending: str, tmp_path: Path) -> None:
    truth, told = opened(write(tmp_path / "t", SourceAxes(unit, up), ending))
    for read, true in zip(truth.meshes, blobs()[0], strict=True):
        np.testing.assert_allclose(np.sort(read.vertices, axis=0), np.sort(true, axis=0), atol=1e-5)
    (said,) = told
    assert f"taken in {unit} " in said and f"{up} up by where they lie" in said and "m large" in said
    by_format = ending == ".glb" and unit == "m"
    assert ("as the files say" in said, "by their size" in said) == (by_format, not by_format)
    assert truth.meshes.frame_names == FRAMES
    np.testing.assert_array_equal(truth.meshes.times_s, regular_times(3, 30.0))


def test_what_the_user_states_is_taken_and_what_ply_files_state(tmp_path: Path) -> None:
    _, told = opened(write(tmp_path / "t", SourceAxes("cm", "z")), unit="cm", up="z")
    assert "taken in cm as stated, z up as stated" in told[0]
    (tmp_path / "p").mkdir()
    vertices, faces = blobs()
    for name, frame in zip(FRAMES, vertices, strict=True):
        axes = SourceAxes("cm", "z")
        save_compact_ply(Mesh(axes.from_world(frame), faces), tmp_path / "p" / f"{name}.ply", str(axes))
    assert "taken in cm as the files say" in opened(tmp_path / "p")[1][0]


def test_an_axis_that_is_stated_is_taken_and_doubted_where_the_meshes_lie_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "t", SourceAxes("cm", "z"))
    run = prediction()
    higher = run.meshes.map(lambda _, vertices: vertices + np.array([0, 0.5, 0], np.float32))
    assert refused(path, Prediction(higher), up="y").endswith("state --up z")  # lying down, it is nowhere near
    vertices, faces = blobs()
    centred = vertices - vertices.mean(axis=(0, 1))
    for name, frame in zip(FRAMES, centred, strict=True):
        save_mesh(Mesh(SourceAxes("cm", "z").from_world(frame), faces), path / f"{name}.ply")
    run = Prediction(mesh_sequence("run", centred, faces, FRAMES, regular_times(3, 30.0)))
    (said,) = opened(path, run, up="y")[1]
    assert "y up as stated, although with z up they would lie" in said and "times nearer to the run" in said


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("cm, Z up", SourceAxes("cm", "z")),
        ("metres", SourceAxes("m", "y")),
        ("mm", SourceAxes("mm", "y")),
        ("canonical units", None),
        ("", None),
    ],
)
def test_axes_are_read_from_comments(text: str, axes: SourceAxes | None) -> None:
    assert axes_of_text(text) == axes


@pytest.mark.parametrize(("stated", "right"), [("m", "cm"), ("mm", "cm")])
def test_a_unit_that_cannot_be_right_is_refused_with_the_one_that_can(stated: str, right: str, tmp_path: Path) -> None:
    line = refused(write(tmp_path / "t", SourceAxes("cm", "y")), unit=stated)
    assert f"m in {stated}, those of the run are" in line and f"state --unit {right}" in line


def test_meshes_of_another_size_in_every_unit_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t", SourceAxes("m", "y"))
    vertices, faces = blobs()
    small = mesh_sequence("run", vertices * np.float32(0.3), faces, FRAMES, regular_times(3, 30.0))
    line = refused(path, Prediction(small))
    assert "in none has meshes of 0.6" in line and "state --unit" in line


def test_meshes_elsewhere_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t", SourceAxes("m", "y"))
    for evidence in ({}, {"unit": "m", "up": "y"}):
        line = refused(path, prediction(5.0), **evidence)
        assert "lies 5 m from the run" in line and "must say where its camera was" in line


def test_what_lies_as_near_either_way_is_asked_for_unless_files_or_model_say_it(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(3, 0.5)
    save_mesh(Mesh(np.asarray(ball.vertices, np.float32), np.asarray(ball.faces, np.int32)), tmp_path / "f0.ply")
    run = Prediction(mesh_sequence("run", ball.vertices[None].astype(np.float32), ball.faces, ["f0"], np.zeros(1)))
    assert "state --up, y or z" in refused(tmp_path / "f0.ply", run)
    assert "z up as in the data of the model" in opened(tmp_path / "f0.ply", run, of_model=SourceAxes("cm", "z"))[1][0]
    assert "y up as stated" in opened(tmp_path / "f0.ply", run, up="y")[1][0]


@pytest.mark.parametrize("scale", [0.4, 0.9])
def test_canonical_units_are_recognised_and_refused(scale: float, tmp_path: Path) -> None:
    similarity = Similarity(scale, (0.1, 0.9, -0.2))
    (tmp_path / "t").mkdir()
    vertices, faces = blobs()
    for name, frame in zip(FRAMES, vertices, strict=True):
        save_mesh(Mesh(similarity.to_canonical(frame), faces), tmp_path / "t" / f"{name}.ply")
    line = refused(tmp_path / "t", similarity=similarity)
    assert "by size and place they are in canonical units" in line and "--dataset" in line
    for name, frame in zip(FRAMES, vertices, strict=True):
        mesh = Mesh(similarity.to_canonical(frame), faces)
        save_compact_ply(mesh, tmp_path / "t" / f"{name}.ply", "canonical units")
    assert "their files say that they are in canonical units" in refused(tmp_path / "t")


def test_a_single_mesh_is_the_truth_of_a_run_of_one_frame_and_of_no_other(tmp_path: Path) -> None:
    path = write(tmp_path / "t", SourceAxes("cm", "z"), names=("scan",)) / "scan.ply"
    run = prediction()
    one = dataclasses.replace(run.meshes, frame_names=("f0",), times_s=np.zeros(1))
    truth, told = opened(path, Prediction(one))
    assert truth.meshes.frame_names == ("f0",)
    assert "'scan' for frame 'f0'" in told[0]
    assert "has 1 mesh for 3 frames" in refused(path)


def test_frames_without_a_mesh_and_meshes_without_a_frame_are_left_out_by_name(tmp_path: Path) -> None:
    few = write(tmp_path / "few", SourceAxes("m", "y"), names=("f1", "f2"))
    assert opened(few)[0].meshes.frame_names == ("f1", "f2")
    many = write(tmp_path / "many", SourceAxes("m", "y"))
    save_mesh(Mesh(*blobs_of(0)), many / "f9.ply")
    assert opened(many)[0].meshes.frame_names == FRAMES


def blobs_of(frame: int) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = blobs()
    return vertices[frame], faces


def test_registered_meshes_are_followed_over_time_and_measured(tmp_path: Path) -> None:
    metrics = evaluated(write(tmp_path / "t", SourceAxes("cm", "z")))
    assert metrics.undefined.keys() == {
        name for name in metrics.undefined if "visible" in name or "hidden" in name or "canonical" in name
    }
    assert metrics.means["correspondence_mm"] == pytest.approx(10.0, abs=0.01)
    assert 1 < metrics.means["epe_mm"] < 60
    assert 0.9 < metrics.means["iou"] < 1


def remeshed(frame: int) -> Mesh:
    """A frame with triangles of its own."""
    fine, coarse = blobs(4), blobs(3)
    vertices, faces = fine if frame == 1 else coarse
    return Mesh(vertices[frame], faces)


def soup(frame: int) -> Mesh:
    """A frame as many triangles, each with vertices of its own and in an order of its own."""
    vertices, faces = blobs_of(frame)
    shuffled = np.random.default_rng(frame).permutation(faces)
    return Mesh(vertices[shuffled].reshape(-1, 3), np.arange(3 * len(faces), dtype=np.int32).reshape(-1, 3))


@pytest.mark.parametrize("mesh_of", [remeshed, soup])
@pytest.mark.parametrize("ending", [".ply", ".stl"])
def test_scans_without_correspondence_have_measures_of_surfaces_alone_and_it_is_said(
    mesh_of: Callable[[int], Mesh], ending: str, tmp_path: Path
) -> None:
    (tmp_path / "t").mkdir()
    for frame, name in enumerate(FRAMES):
        save_mesh(mesh_of(frame), tmp_path / "t" / f"{name}{ending}")
    metrics = evaluated(tmp_path / "t")
    for name in ("correspondence_mm", "epe_mm", "jitter_m_per_s2"):
        assert metrics.undefined[name] == "correspondence is unknown: the truth has other triangles in each frame"
        assert metrics.summary()[name] is None
        assert np.isnan(metrics.per_frame.get(name, np.nan)).all()
    assert metrics.means["accuracy_mm"] < 30
    assert 0.9 < metrics.means["iou"] < 1


def test_meshes_of_other_triangles_than_the_run_have_no_correspondence_error(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    vertices, faces = blobs(4)
    for name, frame in zip(FRAMES, vertices, strict=True):
        save_mesh(Mesh(frame, faces), tmp_path / "t" / f"{name}.ply")
    metrics = evaluated(tmp_path / "t")
    assert "does not say where its vertices are" in metrics.undefined["correspondence_mm"]
    assert metrics.summary()["correspondence_mm"] is None
    assert metrics.means["epe_mm"] > 0


def test_open_meshes_are_said_and_stray_vertices_do_not_count(tmp_path: Path) -> None:
    path = write(tmp_path / "t", SourceAxes("m", "y"))
    vertices, faces = blobs()
    for name, frame in zip(FRAMES, vertices, strict=True):
        stray = np.concatenate((frame, [[900, 0, 0]])).astype(np.float32)
        save_mesh(Mesh(stray, faces[50:]), path / f"{name}.ply")
    truth, told = opened(path)
    assert truth.meshes.read(0).vertices.max() < 3
    assert any("the first mesh is open, with" in line for line in told)
