from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.exports.export_format import export
from engine.exports.numbers import CSV, NPZ
from engine.exports.of_model import content_of_model
from engine.exports.of_run import content_of_run
from engine.exports.vertex_colours import correspondence_colours, run_correspondences
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.mesh_sequence import MeshSequence
from tests.support.exported import NAMES, TIMES_S, changing_mesh, moving_box
from tests.support.toy_model import toy_model


def poses() -> np.ndarray:
    """(4, 4, 4) of a camera that looks along -z, turned by the frame and moved."""
    found = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (4, 1, 1))
    for index, pose in enumerate(found):
        angle = 0.1 * index
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        pose[:3, :3] = turn @ pose[:3, :3]
        pose[:3, 3] = 0.5 * index, 1.2, 3.0
    return found


def saved(folder: Path, meshes: MeshSequence, cameras: np.ndarray | None = None, timed: bool = True) -> Run:
    """A run of the method ``npm`` whose second frame is lost."""
    frames = list(frame_records(meshes, cameras, timed))
    frames[1] = replace(frames[1], lost=True, confidence=0.1, mean_distance_mm=80.0)
    inputs = RunInputs(folder / "sequence", None, Similarity(0.4, (0.0, 1.0, 0.0)))
    count = len(frames)
    codes = {"shape": np.ones((1, 2, 3), np.float32), "pose": np.arange(count * 4.0).reshape(count, 2, 2)}
    save_run(Run(folder, "npm", inputs, meshes, tuple(frames), {"total": 1.0}), {"codes": codes})
    return load_run(folder)


def test_a_run_is_exported_in_metres_with_its_own_times(tmp_path: Path) -> None:
    content = content_of_run(saved(tmp_path, moving_box()))
    np.testing.assert_array_equal(content.meshes.vertices(), moving_box().vertices())
    np.testing.assert_array_equal(content.meshes.times_s, TIMES_S)
    np.testing.assert_allclose(content.times_s(), TIMES_S - 3.0)
    assert (content.unit, content.frame_rate) == ("metres, Y up", 10.0)
    assert content.notes == ("lost, and exported as they are stored: 000001 (1 of 4 frames)",)


def test_z_up_turns_the_world_and_mirrors_nothing(tmp_path: Path) -> None:
    turned = content_of_run(saved(tmp_path, moving_box()), up="z").meshes.vertices()
    x, y, z = np.moveaxis(moving_box().vertices(), 2, 0)
    np.testing.assert_array_equal(turned, np.stack([x, -z, y], axis=2))


def test_as_the_camera_saw_it_is_by_the_pose_of_each_frame(tmp_path: Path) -> None:
    content = content_of_run(saved(tmp_path, moving_box(), poses()), "camera")
    assert content.meshes.frame == "camera"
    for index, mesh in enumerate(content.meshes):
        for point, seen in zip(moving_box().read(index).vertices[:5], mesh.vertices, strict=False):
            back = poses()[index] @ np.append(seen, 1.0)
            np.testing.assert_allclose(back[:3], point, atol=1e-6)
        assert (mesh.vertices[:, 2] > 0).all()  # in front of it


def test_a_camera_that_is_not_known_or_should_be_upright_is_refused(tmp_path: Path) -> None:
    run = saved(tmp_path, moving_box())
    with pytest.raises(InputError, match="does not say where its camera was; use the frame of reference world"):
        content_of_run(run, "camera")
    with pytest.raises(InputError, match="whose y points down"):
        content_of_run(run, "camera", "z")


def test_some_frames_keep_their_times_codes_and_cameras(tmp_path: Path) -> None:
    content = content_of_run(saved(tmp_path, moving_box(), poses()), "camera", rows=[1, 3])
    whole = content_of_run(saved(tmp_path / "again", moving_box(), poses()), "camera")
    assert content.meshes.frame_names == (NAMES[1], NAMES[3])
    np.testing.assert_array_equal(content.meshes.read(1).vertices, whole.meshes.read(3).vertices)
    np.testing.assert_array_equal(content.meshes.times_s, TIMES_S[[1, 3]])
    assert content.codes is not None and content.table is not None
    np.testing.assert_array_equal(content.codes["pose"], np.arange(16.0).reshape(4, 2, 2)[[1, 3]])
    assert content.codes["shape"].shape == (1, 2, 3)
    assert [row["frame"] for row in content.table] == [NAMES[1], NAMES[3]]


def test_times_that_nobody_said_are_assumed_and_said_to_be(tmp_path: Path) -> None:
    content = content_of_run(saved(tmp_path, moving_box(), timed=False))
    np.testing.assert_allclose(content.times_s(), np.arange(4) / 30)
    assert content.frame_rate == 30
    assert content.notes[-1] == "nobody said when the frames were taken: 30 frames per second are assumed"


def test_codes_are_those_of_the_run_with_names_and_times(tmp_path: Path) -> None:
    export(content_of_run(saved(tmp_path / "run", moving_box())), NPZ, tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as file:
        assert file["pose"].shape == (4, 2, 2)
        assert file["frame_names"].tolist() == list(NAMES)
        np.testing.assert_array_equal(file["times_s"], TIMES_S)
        assert file["similarity_scale"] == 0.4
    run = saved(tmp_path / "placed", moving_box())
    frames = tuple(replace(frame, subject_to_world=row * np.eye(4)) for row, frame in enumerate(run.frames))
    codes = content_of_run(replace(run, frames=frames), rows=[1, 3]).codes
    assert codes is not None and codes["subject_to_world"][:, 0, 0].tolist() == [1, 3]


def test_the_table_has_what_the_run_knows_and_the_metrics_of_its_evaluation(tmp_path: Path) -> None:
    run = saved(tmp_path / "run", moving_box())
    metrics = "frame,time_s,accuracy_mm\n000000,3.0,5.25\n000001,3.1,\n"
    (run.folder / "metrics.csv").write_text(metrics, encoding="utf-8")
    export(content_of_run(run), CSV, tmp_path / "run.csv")
    first, second, third, _, _ = (tmp_path / "run.csv").read_text(encoding="utf-8").splitlines()
    assert first == "frame,time_s,lost,filled,confidence,mean_distance_mm,accuracy_mm"
    assert second == "000000,3.0,,False,,,5.25"
    assert third == "000001,3.1,True,False,0.1,80.0,"


def test_colours_by_correspondence_are_the_same_in_all_frames_and_need_one_topology(tmp_path: Path) -> None:
    run = saved(tmp_path / "run", moving_box())
    colours = run_correspondences(run)
    first = Similarity(0.4, (0.0, 1.0, 0.0)).to_canonical(moving_box().read(0).vertices)
    np.testing.assert_array_equal(colours.read(3), correspondence_colours(first))
    assert not colours.change
    with pytest.raises(InputError, match="which vertex is which is not known"):
        run_correspondences(saved(tmp_path / "changing", changing_mesh()))


def test_a_model_is_exported_as_canonical_meshes_in_metres_and_all_codes() -> None:
    model = toy_model()
    content = content_of_model(model, resolution=24)
    assert content.meshes.frame_names == model.info.identities
    assert content.codes is not None
    np.testing.assert_array_equal(content.codes["shape"], model.shape_codes.numpy())
    placed = model.info.similarity.to_canonical(content.meshes.read(0).vertices)
    assert np.abs(placed).max() <= 0.5
    assert len(content.codes["pose"]) == len(content.codes["frame_names"]) == len(model.info.frames)
    alone = content_of_model(model, [1], resolution=24)
    assert alone.codes is not None
    assert set(alone.codes["frame_identities"].tolist()) <= {model.info.identities[1]}
