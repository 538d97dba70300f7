"""Codes by name, index and file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.models.model import NeuralParametricModel
from engine.models.named_codes import (
    IdentityFrame,
    find_frame,
    find_frames,
    find_identity,
    find_identity_frame,
    load_codes,
)
from tests.support.toy_model import CODE_SIZE, toy_model


def shape_only() -> NeuralParametricModel:
    model = toy_model()
    return NeuralParametricModel(replace(model.info, frames=()), model.shape_decoder, model.shape_codes)


def test_an_identity_is_found_by_name_and_by_index() -> None:
    assert find_identity(toy_model(), "stout") == find_identity(toy_model(), "2") == 2


def test_an_unknown_identity_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InputError, match=r"identity nobody: does not exist; use 0 to 3 or one of tall"):
        find_identity(toy_model(), "nobody")


def test_a_frame_is_found_by_name_and_by_index_among_those_of_its_identity() -> None:
    model = toy_model()
    row = find_frame(model, 1, "raise/000001")
    assert row == find_frame(model, 1, "4")
    assert (model.info.frames[row].identity, str(model.info.frames[row])) == (1, "raise/000001")


def test_frames_are_found_by_sequence_in_the_order_asked_for() -> None:
    model = toy_model()
    names = [str(model.info.frames[row]) for row in find_frames(model, 2, ["raise", "0"])]
    assert names == ["raise/000000", "raise/000001", "raise/000002", "bend/000000"]
    assert find_frames(model, 2, []) == model.frames_of(2)


@pytest.mark.parametrize("frame", ["6", "-1", "bend/000009", "bend", ""])
def test_an_unknown_frame_is_refused(frame: str) -> None:
    with pytest.raises(InputError, match="identity small: frame"):
        find_frame(toy_model(), 1, frame)


def test_a_frame_of_a_model_without_poses_is_refused() -> None:
    with pytest.raises(InputError, match="no training poses"):
        find_frame(shape_only(), 0, "0")


def test_a_subject_is_an_identity_with_or_without_a_frame() -> None:
    assert find_identity_frame(toy_model(), "small") == IdentityFrame(1)
    assert find_identity_frame(toy_model(), "small:bend/000002") == IdentityFrame(1, 8)
    assert find_identity_frame(toy_model(), "1:2") == IdentityFrame(1, 8)


@pytest.mark.parametrize("leading", [(1, 3), (3,)])
def test_the_last_snapshot_of_a_codes_file_is_taken(tmp_path: Path, leading: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    shape, pose = rng.normal(size=(*leading, CODE_SIZE)), rng.normal(size=(5, 3, CODE_SIZE))
    np.savez(tmp_path / "codes.npz", shape=shape, pose=pose)
    shape_codes, pose_codes = load_codes(tmp_path / "codes.npz", toy_model())
    np.testing.assert_array_equal(shape_codes, shape.reshape(-1, CODE_SIZE)[-1:].astype(np.float32))
    np.testing.assert_array_equal(pose_codes, pose[:, -1].astype(np.float32))
    assert shape_codes.dtype == torch.float32


def test_a_codes_file_may_have_a_shape_per_frame_and_poses_without_snapshots(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shape, pose = rng.normal(size=(5, 3, CODE_SIZE)), rng.normal(size=(5, CODE_SIZE))
    np.savez(tmp_path / "codes.npz", shape=shape, pose=pose)
    shape_codes, pose_codes = load_codes(tmp_path / "codes.npz", toy_model())
    np.testing.assert_array_equal(shape_codes, shape[:, -1].astype(np.float32))
    np.testing.assert_array_equal(pose_codes, pose.astype(np.float32))


def test_a_codes_file_needs_no_poses(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", shape=np.zeros((1, 1, CODE_SIZE), np.float32))
    assert load_codes(tmp_path / "codes.npz", shape_only())[1] is None


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"pose": np.zeros((1, 1, CODE_SIZE))}, "no array 'shape'"),
        ({"shape": np.zeros((1, 1, 5))}, "codes of 5, the model has 8"),
        ({"shape": np.zeros(CODE_SIZE)}, "must be"),
        ({"shape": np.zeros((2, 1, CODE_SIZE)), "pose": np.zeros((3, 1, CODE_SIZE))}, "2 shapes for 3 poses"),
        ({"shape": np.full((1, CODE_SIZE), 1e300)}, "not finite"),
        ({"shape": np.zeros((1, 0, CODE_SIZE))}, "must be"),
        ({"shape": np.array([["text"] * CODE_SIZE])}, "must be"),
        ({"shape": np.full((1, 1, CODE_SIZE), np.nan)}, "not finite"),
        ({"shape": np.zeros((1, CODE_SIZE)), "pose": np.zeros(CODE_SIZE)}, "'pose' must be"),
        ({"shape": np.zeros((1, CODE_SIZE)), "pose": np.zeros((1, 1, 9))}, "codes of 9, the model has 8"),
    ],
)
def test_codes_that_do_not_belong_to_the_model_are_refused(
    tmp_path: Path, arrays: dict[str, Any], problem: str
) -> None:
    np.savez(tmp_path / "codes.npz", **arrays)
    with pytest.raises(InputError, match=problem) as caught:
        load_codes(tmp_path / "codes.npz", toy_model())
    assert str(tmp_path / "codes.npz") in str(caught.value)


def test_files_that_are_not_codes_are_refused_with_their_name(tmp_path: Path) -> None:
    np.save(tmp_path / "single.npy", np.zeros((1, 1, CODE_SIZE)))
    np.savez(tmp_path / "pickled.npz", shape=np.array([{}], dtype=object))
    np.savez(tmp_path / "whole.npz", shape=np.zeros((1, 1, CODE_SIZE)))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:100])
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("single.npy", "pickled.npz", "cut.npz", "text.npz", "empty.npz", "missing.npz"):
        with pytest.raises(InputError, match=name):
            load_codes(tmp_path / name, toy_model())
    with pytest.raises(InputError, match="codes"):
        load_codes(tmp_path, toy_model())
