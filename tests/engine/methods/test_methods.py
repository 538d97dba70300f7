"""Methods of anyone: found by name, given what they need, their results kept as runs."""

import dataclasses
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.core import registry
from engine.core.errors import InputError
from engine.methods import method as methods
from engine.methods.job import run_fit
from engine.methods.method import FitMethod, LoadedModel, Requirements, installed_methods, load_method, method_names
from engine.methods.request import FitRequest, what_lacks
from engine.methods.run import load_run
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.placement import place_at
from tests.support.methods import METHOD, VisibleConfig, VisibleSurface
from tests.support.moving_camera import walk, walked_room
from tests.support.present import present
from tests.support.toy_model import toy_model

SHAPE_ONLY = dataclasses.replace(toy_model(), pose_decoder=None, pose_codes=None)


@pytest.fixture
def sequence(depth_capture: Path) -> DepthSequence:
    return load_depth_sequence(depth_capture)


def request(sequence: DepthSequence, out: Path, method: FitMethod = METHOD, **inputs: Any) -> FitRequest:
    return FitRequest(method, VisibleConfig(), sequence, out, device="cpu", **inputs)


def test_the_default_method_is_the_first_of_those_of_this_project() -> None:
    assert method_names()[0] == methods.DEFAULT == "npm"
    assert {"npm", "imported"} <= set(method_names())
    for found in installed_methods():
        assert found.id in method_names()
        assert found.title
        found.config_type.model_json_schema()


def test_a_method_that_is_not_installed_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"method 'magic': is not installed; use one of npm, .*imported"):
        load_method("magic")


def test_a_method_that_is_broken_is_named_and_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {
        "gone": EntryPoint("gone", "nowhere_at_all.method:METHOD", registry.METHODS),
        "odd": EntryPoint("odd", "json:dumps", registry.METHODS),
    }
    sound = registry.registered(registry.METHODS)
    for module in (methods, registry):
        monkeypatch.setattr(module, "registered", lambda group: sound | broken)
    assert {"gone", "odd"} <= set(method_names())
    assert [found.id for found in installed_methods()] == ["npm", *(name for name in sound if name != "npm")]
    with pytest.raises(InputError, match=r"plug-in gone \(nowhere_at_all\.method:METHOD\): cannot be loaded"):
        load_method("gone")
    with pytest.raises(InputError, match="method 'odd': has no id and no title"):
        load_method("odd")


def test_methods_are_listed_without_loading_what_they_compute_with() -> None:
    code = (
        "import sys\n"
        "from engine.core.config import fields_of\n"
        "from engine.methods.method import installed_methods\n"
        "assert [fields_of(method.config_type) for method in installed_methods()]\n"
        "print(*[name for name in ('torch', 'numpy', 'trimesh') if name in sys.modules])\n"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (asked.stdout.strip(), asked.returncode) == ("", 0), asked.stderr


def test_a_run_of_another_method_needs_neither_model_nor_codes(sequence: DepthSequence, tmp_path: Path) -> None:
    run = run_fit(request(sequence, tmp_path / "run", seed=5))
    stored = load_run(tmp_path / "run")
    assert (stored.method, stored.inputs.model, stored.inputs.similarity) == ("visible", None, None)
    assert stored.inputs.config == {"edge_m": 0.2}
    assert (stored.inputs.seed, stored.inputs.device) == (5, "cpu")
    assert stored.inputs.sequence == sequence.root.resolve()
    assert stored.artefacts == ("edges.npz", "note.txt")
    assert [frame.confidence for frame in stored.frames] == [0.0, 0.5, 1.0]
    assert [frame.lost for frame in stored.frames] == [None] * 3
    assert not stored.meshes.one_topology
    np.testing.assert_array_equal(run.meshes.read(1).vertices, sequence.mesh_world(1, 0.2).vertices)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines[:-1]] == [1, 2, 3]
    assert lines[-1] == {"stage": "surface", "message": "what is seen is what there is"}


def test_a_run_of_a_moving_camera_has_the_pose_and_the_time_of_every_frame(tmp_path: Path) -> None:
    scene, _ = walked_room(walk(), World.PLACED, background=False)
    chosen = scene.subset([0, 1, 4])
    run = run_fit(request(chosen, tmp_path / "run"))
    np.testing.assert_allclose(present(run.cameras_to_world), walk()[[0, 1, 4]], atol=1e-12)
    assert [frame.timestamp_s for frame in run.frames] == pytest.approx([0, 1 / 30, 4 / 30])
    name, pose = present(run.seen_from)
    elsewhere = dataclasses.replace(chosen, cameras_to_world=np.linalg.inv(walk()[0]) @ walk()[[0, 1, 4]])
    back = place_at(elsewhere, name, pose)
    for index in range(3):  # the recording comes back to where it was fitted
        np.testing.assert_allclose(back.points_world(index), chosen.points_world(index), atol=1e-5)


@pytest.mark.parametrize(
    ("requires", "lacking"),
    [
        (Requirements(model=True), "a model"),
        (Requirements(pose=True), "a model with a pose part"),
        (Requirements(template=True), "a template mesh"),
    ],
)
def test_a_method_that_lacks_something_is_refused_before_any_work(
    sequence: DepthSequence, tmp_path: Path, requires: Requirements, lacking: str
) -> None:
    assert what_lacks(requires, None) == lacking
    with pytest.raises(InputError, match=f"method 'visible': needs {lacking}"):
        run_fit(request(sequence, tmp_path / "run", VisibleSurface(requires)))
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_its_pose_part_is_named(sequence: DepthSequence, tmp_path: Path) -> None:
    loaded = LoadedModel(tmp_path / "m.npm", SHAPE_ONLY)
    run_fit(request(sequence, tmp_path / "run", VisibleSurface(Requirements(model=True)), model=loaded))
    with pytest.raises(InputError, match=r"m\.npm: has no pose part yet"):
        run_fit(request(sequence, tmp_path / "run", VisibleSurface(Requirements(pose=True)), model=loaded))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_method_for_gpus_is_refused_without_one(sequence: DepthSequence, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a GPU"):
        run_fit(request(sequence, tmp_path / "run", VisibleSurface(Requirements(gpu=True))))


def test_results_of_other_frames_are_refused_and_leave_nothing(
    sequence: DepthSequence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = VisibleSurface.fit

    def of_strangers(self: VisibleSurface, *arguments: Any) -> Any:
        result = fit(self, *arguments)
        return dataclasses.replace(
            result, meshes=dataclasses.replace(result.meshes, frame_names=("000000", "000001", "x"))
        )

    monkeypatch.setattr(VisibleSurface, "fit", of_strangers)
    with pytest.raises(InputError, match="method 'visible': gave meshes that are not those of the frames"):
        run_fit(request(sequence, tmp_path / "run"))
    assert list(tmp_path.iterdir()) == []


def changed_result(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """Have the method for tests give other values."""
    fit = VisibleSurface.fit
    monkeypatch.setattr(VisibleSurface, "fit", lambda *arguments: dataclasses.replace(fit(*arguments), **changed))


def test_a_frame_is_lost_where_the_confidence_is_below_the_threshold_of_the_method(
    sequence: DepthSequence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = [0, 1, 2]
    changed_result(monkeypatch, lost_below=0.5, subject_to_world=poses)
    frames = run_fit(request(sequence, tmp_path / "run")).frames
    assert [frame.lost for frame in frames] == [True, False, False]
    np.testing.assert_array_equal([present(frame.subject_to_world)[0, 3] for frame in frames], [0, 1, 2])


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"confidence": np.array([0.5, 1.5, 0.0])}, "gave confidences that are not a number from 0 to 1 per frame"),
        ({"confidence": None, "lost_below": 0.5}, "gave a threshold that is not one of its confidences"),
        ({"lost_below": 2.0}, "gave a threshold that is not one of its confidences"),
        ({"subject_to_world": np.tile(2 * np.eye(4), (3, 1, 1))}, "gave poses of the subject that are not a rigid"),
        ({"subject_to_world": np.eye(4)[None]}, "gave poses of the subject that are not a rigid transform per frame"),
    ],
)
def test_promises_that_a_method_does_not_keep_are_named(
    sequence: DepthSequence,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    problem: str,
) -> None:
    changed_result(monkeypatch, **changed)
    with pytest.raises(InputError, match=problem):
        run_fit(request(sequence, tmp_path / "run"))
    assert list(tmp_path.iterdir()) == []
