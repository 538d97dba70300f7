"""Codes by what a user calls them: names of training identities and frames, and files of fitted codes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.core.npz import read_npz
from engine.models.labels import find_name
from engine.models.model import NeuralParametricModel

_CODES_REMEDY = "give the codes.npz of a run that was fitted with this model"


@dataclass(frozen=True)
class IdentityFrame:
    """A training identity and perhaps one of its frames."""

    identity: int
    frame: int | None = None
    """Row of the model's pose codes."""


def find_identity(model: NeuralParametricModel, wanted: str) -> int:
    """Index of the training identity with the name or index ``wanted``.

    Raises:
        InputError: there is no such identity.
    """
    return find_name(model.info.identities, wanted, f"model {model.info.name}: identity")


def find_frame(model: NeuralParametricModel, identity: int, wanted: str) -> int:
    """Row of the pose codes for a frame of ``identity``: an index into its frames or a name like ``walk/000003``.

    Raises:
        InputError: there is no such frame.
    """
    rows = _rows_of(model, identity)
    return rows[find_name([str(model.info.frames[row]) for row in rows], wanted, _frame_of(model, identity))]


def find_frames(model: NeuralParametricModel, identity: int, wanted: list[str]) -> list[int]:
    """Rows of the pose codes for frames of ``identity``, in the order asked for; all when ``wanted`` is empty.

    Args:
        wanted: each an index, a name like ``walk/000003``, or the name of a sequence for all its frames.

    Raises:
        InputError: there is no such frame or sequence.
    """
    rows = _rows_of(model, identity)
    if not wanted:
        return rows
    found: list[int] = []
    for name in wanted:
        of_sequence = [row for row in rows if model.info.frames[row].sequence == name]
        found += of_sequence or [find_frame(model, identity, name)]
    return found


def find_identity_frame(model: NeuralParametricModel, wanted: str) -> IdentityFrame:
    """The one called ``IDENTITY`` or ``IDENTITY:FRAME``.

    Raises:
        InputError: there is no such identity or frame.
    """
    identity_name, colon, frame_name = wanted.partition(":")
    identity = find_identity(model, identity_name)
    return IdentityFrame(identity, find_frame(model, identity, frame_name) if colon else None)


def load_codes(path: Path, model: NeuralParametricModel) -> tuple[Tensor, Tensor | None]:
    """Shape codes (K, Cs) and pose codes (F, Cp) or None of an npz file, on the model's device; K is 1 or F.

    The file holds ``shape`` (1, S, Cs) or (S, Cs) for one shape, or (F, S, Cs) for one per frame, and may hold
    ``pose`` (F, S, Cp) or (F, Cp); the last of the S snapshots is taken.

    Raises:
        InputError: the file cannot be read, or its codes do not belong to ``model``.
    """
    arrays = read_npz(path, ("shape", "pose"), _CODES_REMEDY)
    if "shape" not in arrays:
        raise InputError(path, "holds no array 'shape'", _CODES_REMEDY)
    shape, pose = arrays["shape"], arrays.get("pose")
    _check(path, "shape", shape, "(1, S, C), (S, C) or (F, S, C)", model.shape_decoder.code_size)
    shapes = _codes(shape[:, -1] if shape.ndim == 3 else shape[-1:], model)
    if pose is None:
        return shapes, None
    if model.pose_decoder is None:
        raise InputError(path, "holds pose codes, the model has no pose decoder", "give a model with a pose stage")
    _check(path, "pose", pose, "(F, S, C) or (F, C)", model.pose_decoder.pose_code_size)
    if len(shapes) not in (1, len(pose)):
        raise InputError(path, f"holds {len(shapes)} shapes for {len(pose)} poses", "give one shape, or one per pose")
    return shapes, _codes(pose[:, -1] if pose.ndim == 3 else pose, model)


def save_codes(path: Path, shapes: Tensor, poses: Tensor | None) -> None:
    """Write shape codes (K, Cs) and pose codes (F, Cp) or None, K being 1 or F, as a file that `load_codes` reads."""
    assert poses is None or len(shapes) in (1, len(poses)), (shapes.shape, poses.shape)
    arrays = {"shape": shapes} if poses is None else {"shape": shapes, "pose": poses}
    with replacing_file(path) as temporary:
        np.savez(
            temporary, allow_pickle=False, **{name: codes.cpu().numpy()[:, None] for name, codes in arrays.items()}
        )


def _codes(codes: NDArray[np.generic], model: NeuralParametricModel) -> Tensor:
    return torch.from_numpy(codes.astype(np.float32)).to(model.device)


def _check(path: Path, name: str, codes: NDArray[np.generic], layout: str, code_size: int) -> None:
    if not np.issubdtype(codes.dtype, np.floating) or codes.ndim not in (2, 3) or 0 in codes.shape:
        raise InputError(path, f"'{name}' must be {layout} numbers, is {codes.shape} {codes.dtype}", _CODES_REMEDY)
    if codes.shape[-1] != code_size:
        raise InputError(path, f"'{name}' has codes of {codes.shape[-1]}, the model has {code_size}", _CODES_REMEDY)
    with np.errstate(over="ignore"):  # doubles that single precision does not hold
        finite = np.isfinite(codes.astype(np.float32)).all()
    if not finite:
        raise InputError(path, f"'{name}' holds numbers that are not finite", "fit again")


def _rows_of(model: NeuralParametricModel, identity: int) -> list[int]:
    rows = model.frames_of(identity)
    if not model.has_pose or not rows:
        raise InputError(_frame_of(model, identity), "cannot be found: there are no training poses", "leave it out")
    return rows


def _frame_of(model: NeuralParametricModel, identity: int) -> str:
    return f"model {model.info.name}, identity {model.info.identities[identity]}: frame"
