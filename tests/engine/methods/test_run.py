"""Run folders: what they hold, how they are read, and what is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.isolation import Isolation
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence
from tests.support.present import present

SIMILARITY = Similarity(0.4, (0.1, 0.9, -0.2))
NAMES = ("000000", "000005", "000007")
NEAR = CaptureOptions(isolation=Isolation(near_m=1.0))
TIMES = np.array([12.0, 12.2, 12.25])


def sphere(radius: float, subdivisions: int = 1) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions, radius)
    return Mesh(np.asarray(made.vertices, np.float32), np.asarray(made.faces, np.int32))


def spheres() -> MeshSequence:
    vertices = np.stack([sphere(radius).vertices for radius in (0.8, 0.9, 1.0)])
    return mesh_sequence("spheres", vertices, sphere(1).faces, NAMES, TIMES)


def a_run(folder: Path, meshes: MeshSequence) -> Run:
    return Run(folder, "toy", RunInputs(folder / "walk"), meshes, frame_records(meshes), {"total": 1.5})


def change(folder: Path, **values: object) -> None:
    description = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(description | values))


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_says_what_is_known_and_null_for_what_is_not(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()))
    description = json.loads((tmp_path / "run.json").read_text())
    assert description["format_version"] == 2
    assert description["unit"] == "m"
    assert description["method"] == "toy"
    assert {"inputs", "versions", "timings"} <= set(description)
    assert [description[key] for key in ("subject", "verdict", "reason")] == [None] * 3
    unknown = dict.fromkeys(("camera_to_world", "subject_to_world", "confidence", "lost", "mean_distance_mm"))
    assert description["frames"][1] == {"name": "000005", "timestamp_s": 12.2, "filled": False, **unknown}


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = [0.0, 0.5, 1.0]
    records = [
        dataclasses.replace(
            record,
            confidence=0.5,
            lost=index == 2,
            filled=index == 2,
            mean_distance_mm=7.5,
            subject_to_world=poses[index],
        )
        for index, record in enumerate(frame_records(spheres(), poses))
    ]
    inputs = RunInputs(tmp_path / "walk", tmp_path / "m.npm", SIMILARITY, NEAR, {"steps": 3}, 7, "cuda:1")
    written = dataclasses.replace(
        a_run(tmp_path, spheres()),
        inputs=inputs,
        frames=tuple(records),
        verdict="poor",
        reason="the left arm is lost",
        subject=1,
        interrupted=True,
        details={"note": "x"},
    )
    save_run(written, {"codes": {"shape": np.ones((1, 1, 4), np.float32), "pose": np.ones((3, 1, 5), np.float32)}})
    run = load_run(tmp_path)
    for name in ("inputs", "method", "timings", "verdict", "reason", "subject", "interrupted", "details"):
        kept, expected = getattr(run, name), getattr(written, name)
        assert dataclasses.asdict(kept) == dataclasses.asdict(expected) if name == "inputs" else kept == expected
    assert run.cameras_to_world is not None
    np.testing.assert_array_equal(run.cameras_to_world, poses)
    assert [frame.lost for frame in run.frames] == [False, False, True]
    assert [frame.filled for frame in run.frames] == [False, False, True]
    assert [(frame.confidence, frame.mean_distance_mm) for frame in run.frames] == [(0.5, 7.5)] * 3
    np.testing.assert_array_equal(np.stack([present(frame.subject_to_world) for frame in run.frames]), poses)
    assert run.artefacts == ("codes.npz",)
    assert run.meshes.frame_names == NAMES
    np.testing.assert_array_equal(run.meshes.times_s, TIMES)
    np.testing.assert_array_equal(run.meshes.vertices(), spheres().vertices())


def test_a_run_that_was_written_before_distances_were_measured_is_read(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()))
    frames = json.loads((tmp_path / "run.json").read_text())["frames"]
    change(
        tmp_path,
        frames=[{k: v for k, v in frame.items() if k not in ("filled", "mean_distance_mm")} for frame in frames],
    )
    assert [(frame.filled, frame.mean_distance_mm) for frame in load_run(tmp_path).frames] == [(False, None)] * 3


def test_times_that_nobody_stated_are_null_and_play_at_a_usual_rate(tmp_path: Path) -> None:
    save_run(dataclasses.replace(a_run(tmp_path, spheres()), frames=frame_records(spheres(), times_known=False)))
    description = json.loads((tmp_path / "run.json").read_text())
    assert [frame["timestamp_s"] for frame in description["frames"]] == [None] * 3
    assert load_run(tmp_path).meshes.frame_rate == pytest.approx(30.0)


def test_meshes_of_one_topology_share_their_faces(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()))
    run = load_run(tmp_path)
    assert run.meshes.one_topology
    assert run.meshes.read(2).faces is run.meshes.read(0).faces


def test_a_run_may_have_another_topology_in_every_frame(tmp_path: Path) -> None:
    each = [sphere(1.0, subdivisions) for subdivisions in (1, 2, 0)]
    save_run(a_run(tmp_path, MeshSequence("each", NAMES, TIMES, lambda index: each[index], False)))
    run = load_run(tmp_path)
    assert not run.meshes.one_topology
    assert [len(mesh.faces) for mesh in run.meshes] == [80, 320, 20]


def test_meshes_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()))
    run = load_run(tmp_path)
    path = tmp_path / "meshes" / "000005.ply"
    data = path.read_bytes()
    path.write_bytes(data[:-12] + b"\xff" * 12)  # of the right size
    run.meshes.read(0)
    with pytest.raises(InputError, match=r"000005\.ply"):
        run.meshes.read(1)


def version_1(folder: Path) -> np.ndarray:
    """A run as the first version wrote it; returns its vertices (F, V, 3) in canonical units."""
    (folder / "meshes").mkdir(parents=True)
    vertices = np.stack([sphere(radius).vertices for radius in (0.3, 0.35, 0.4)])
    for name, frame in zip(NAMES, vertices, strict=True):
        trimesh.Trimesh(frame, sphere(1).faces, process=False).export(folder / "meshes" / f"{name}.ply")
    np.savez_compressed(folder / "codes.npz", shape=np.zeros((1, 1, 4), "f4"), pose=np.zeros((3, 1, 5), "f4"))
    pose = np.eye(4)
    pose[2, 3] = -2.5
    description = {
        "format": "npm-studio run",
        "format_version": 1,
        "method": "npm",
        "model": "/models/bodies.npm",
        "sequence": "/recordings/walk",
        "frames": list(NAMES),
        "frame_rate": 20.0,
        "similarity": SIMILARITY.as_dict(),
        "seconds": 61.5,
        "interrupted": False,
        "details": {
            "config": {"iterations": 240},
            "capture": {"near_m": 0.5},
            "camera_to_world": pose.tolist(),
            "seed": 3,
            "device": "cpu",
            "npm_studio": "0.1.0",
            "iterations": 240,
            "energy": [0.1, 0.2, 0.3],
            "torch": "2.11",
        },
    }
    (folder / "run.json").write_text(json.dumps(description))
    return vertices


def test_a_run_of_the_first_version_is_read_in_metres(tmp_path: Path) -> None:
    vertices = version_1(tmp_path / "run")
    run = load_run(tmp_path / "run")
    np.testing.assert_allclose(run.meshes.vertices(), vertices / 0.4 + SIMILARITY.centre, atol=1e-6)
    assert run.inputs.similarity == SIMILARITY
    assert (run.inputs.model, run.inputs.sequence) == (Path("/models/bodies.npm"), Path("/recordings/walk"))
    assert (run.inputs.seed, run.inputs.device, run.inputs.capture) == (
        3,
        "cpu",
        CaptureOptions(isolation=Isolation(near_m=0.5)),
    )
    assert run.seconds == 61.5
    assert run.meshes.frame_rate == pytest.approx(20.0)
    assert run.details == {"iterations": 240, "energy": [0.1, 0.2, 0.3]}
    assert run.versions == {"npm_studio": "0.1.0", "torch": "2.11"}
    assert run.cameras_to_world is not None
    assert run.cameras_to_world[:, 2, 3].tolist() == [-2.5] * 3
    assert (run.verdict, run.reason, run.frames[0].confidence, run.frames[0].lost) == (None, None, None, None)


def test_a_run_of_the_first_version_that_is_written_again_is_one_of_the_second(tmp_path: Path) -> None:
    version_1(tmp_path / "run")
    old = load_run(tmp_path / "run")
    save_run(dataclasses.replace(old, folder=tmp_path / "new"))
    vertices = load_mesh(tmp_path / "new" / "meshes" / "000000.ply").vertices
    np.testing.assert_array_equal(vertices, old.meshes.read(0).vertices)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"format": "tea"}, "does not describe a run"),
        ({"format_version": 3}, "has format version 3, this program reads up to 2; update"),
        ({"format_version": "two"}, "damaged run"),
        ({"frames": []}, "damaged run"),
        ({"frames": 3}, "damaged run"),
        ({"method": None}, "damaged run"),
        ({"interrupted": "perhaps"}, "damaged run"),
    ],
)
def test_descriptions_that_are_not_of_a_run_are_refused_in_one_line(
    tmp_path: Path, version: int, changed: dict[str, object], problem: str
) -> None:
    if version == 1:
        version_1(tmp_path)
    else:
        save_run(a_run(tmp_path, spheres()))
    change(tmp_path, **changed)
    assert problem in refusal(tmp_path)


def test_frames_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()))
    frames = json.loads((tmp_path / "run.json").read_text())["frames"]
    frames[1]["name"] = "../../secret"
    change(tmp_path, frames=frames)
    assert "name that is not allowed" in refusal(tmp_path)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()))
    frames = json.loads((tmp_path / "run.json").read_text())["frames"]
    frames[1]["timestamp_s"] = float("nan")
    change(tmp_path, frames=frames)
    assert "frames.1.timestamp_s" in refusal(tmp_path)


def test_meshes_of_several_sizes_that_claim_one_topology_are_refused(tmp_path: Path) -> None:
    each = [sphere(1.0, subdivisions) for subdivisions in (1, 2, 1)]
    save_run(a_run(tmp_path, MeshSequence("each", NAMES, TIMES, lambda index: each[index], True)))
    assert "2 sizes instead of one" in refusal(tmp_path)


def test_artefacts_that_are_missing_or_have_other_frames_are_refused(tmp_path: Path) -> None:
    save_run(a_run(tmp_path, spheres()), {"codes": {"pose": np.zeros((2, 1, 5), np.float32)}})
    assert "pose codes of shape (2, 1, 5) for 3 frames" in refusal(tmp_path)
    (tmp_path / "codes.npz").unlink()
    assert "codes.npz: is missing" in refusal(tmp_path)
