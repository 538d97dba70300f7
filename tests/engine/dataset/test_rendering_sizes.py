"""Renderings of small and of large things, which can be read again and are nowhere empty."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from tests.support.captures import open_capture
from tests.support.ellipsoids import write_ellipsoids

CAMERA = PinholeCamera(96, 72, 86.0, 87.0, 48.2, 35.9)


def of_size(root: Path, metres: float) -> RegisteredDataset:
    """Ellipsoids of which the cube is so large."""
    write_ellipsoids(root, 1, 1, 2)
    description = json.loads((root / "dataset.json").read_text())
    description["similarity"]["scale"] = 1 / metres
    (root / "dataset.json").write_text(json.dumps(description))
    return load_registered_dataset(root)


@pytest.mark.parametrize("metres", [0.02, 0.14, 2.5, 25.0, 120.0])
@pytest.mark.parametrize("file_format", ["png", "npz"])
def test_renderings_of_any_size_are_read_again(metres: float, file_format: str, tmp_path: Path) -> None:
    dataset = of_size(tmp_path / "d", metres)
    render_sequence(dataset, 0, "bend_0", tmp_path / "s", CAMERA, file_format=file_format)  # type: ignore[arg-type]
    for sequence in (load_depth_sequence(tmp_path / "s"), open_capture(tmp_path / "s", CaptureOptions())):
        assert (sequence.depth_m(1) > 0).sum() > 300
        points = dataset.similarity.to_canonical(sequence.points_world(1))
        height = points[:, 1].max() - points[:, 1].min()
        assert height == pytest.approx(0.7, abs=0.03)
        assert len(np.unique(sequence.depth_m(1))) > 20


def test_human_bodies_are_stored_in_millimetres_as_ever(tmp_path: Path) -> None:
    render_sequence(of_size(tmp_path / "d", 2.5), 0, "bend_0", tmp_path / "s", CAMERA)
    assert json.loads((tmp_path / "s" / "intrinsics.json").read_text())["depth_scale"] == 1000


def test_depth_that_does_not_fit_is_refused_instead_of_stored_as_nothing(tmp_path: Path) -> None:
    far = [np.full((72, 96), 80.0)]
    with pytest.raises(InputError, match=r"beyond 65.53 m.*store metres as npz"):
        save_depth_sequence(tmp_path / "s", far, CAMERA, np.eye(4))
    assert not (tmp_path / "s" / "depth").exists()
    with pytest.raises(InputError, match=r"beyond 13.11 m"):
        render_sequence(of_size(tmp_path / "d", 25.0), 0, "bend_0", tmp_path / "t", CAMERA, file_format="tum")
    save_depth_sequence(tmp_path / "n", far, CAMERA, np.eye(4), file_format="npz")
    assert load_depth_sequence(tmp_path / "n").depth_m(0).min() == 80


def test_an_unstated_unit_is_still_checked_against_what_cameras_see(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path / "s", [np.full((72, 96), 20.0)], CAMERA, np.eye(4))
    assert load_depth_sequence(tmp_path / "s").depth_m(0).max() == 20
    path = tmp_path / "s" / "intrinsics.json"
    description = json.loads(path.read_text())
    del description["depth_scale"]
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"median depth is 20 m.*now 1000 by default"):
        load_depth_sequence(tmp_path / "s")


def test_a_subject_of_a_kilometre_is_refused(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path / "s", [np.full((72, 96), 2.0)], CAMERA, np.eye(4))
    path = tmp_path / "s" / "intrinsics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"depth_scale": 1}))
    with pytest.raises(InputError, match="median depth is 2000 m"):
        load_depth_sequence(tmp_path / "s")
