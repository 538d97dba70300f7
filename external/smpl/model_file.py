"""Reading the official model files of SMPL, SMPL-H, SMPL-X and MANO: `load_body_model`, `find_model_files`."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.npz import read_npz
from external.smpl.inert_pickle import as_array, read_pickle

Array = NDArray[np.float64]

DOWNLOAD = "download it from smpl.is.tue.mpg.de (hands: mano.is.tue.mpg.de) after registering there"
_REMEDY = "give a model file of SMPL, SMPL-H, SMPL-X or MANO as published"
_REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_HANDS = ("hands_components", "hands_mean", "hands_coeffs")
_MOST_VERTICES, _MOST_JOINTS = 200_000, 400


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A model of the SMPL family: metres, Y up, facing +z, bodies with the arms to the sides in the zero pose."""

    template: Array
    """(V, 3) vertices of the mean shape in the zero pose."""
    shape_directions: Array
    """(V, 3, S) displacement per unit of a shape coefficient."""
    pose_directions: Array
    """(V, 3, P) displacement per entry of the rotation matrices minus identity of all joints but the root."""
    joint_regressor: Array
    """(J, V) joints from vertices."""
    weights: Array
    """(V, J) skinning weights; rows sum to one."""
    parents: NDArray[np.int64]
    """(J,) parent of each joint, before its children; -1 for the root."""
    faces: NDArray[np.int32]
    """(T, 3)"""
    hands_components: Array | None = None
    """(45, 45) principal directions of hand poses, one per row (MANO)."""
    hands_mean: Array | None = None
    """(45,) mean hand pose (MANO)."""
    hands_coefficients: Array | None = None
    """(N, 45) recorded hand poses along ``hands_components`` (MANO)."""

    @property
    def joints(self) -> int:
        return len(self.parents)

    def checksum(self) -> str:
        """Tells this model from others in the description of what was made with it."""
        return f"{zlib.crc32(self.template.tobytes() + self.shape_directions.tobytes()):08x}"


def load_body_model(path: Path) -> BodyModel:
    """Read a ``.pkl`` (as published for Python 2; chumpy is not needed) or ``.npz`` model file.

    Raises:
        InputError: the file is missing, is something else, or its arrays do not fit together. A pickle that names
            anything but arrays and chumpy objects is refused before any of it is called.
    """
    if path.suffix.lower() == ".npz":
        arrays = read_npz(path, (*_REQUIRED, *_HANDS), _REMEDY)
        found: dict[str, Any] = dict(arrays)
        convert: Callable[[Any], NDArray[Any]] = np.asarray
    elif path.suffix.lower() == ".pkl":
        found, convert = read_pickle(path), as_array
    else:
        raise InputError(path, "is not a .pkl or .npz model file", _REMEDY)
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise InputError(path, f"has no {', '.join(missing)}", _REMEDY)

    def take(name: str, *shape: int | None) -> Array:
        try:
            array = convert(found[name])
        except Exception as error:  # parts of a damaged pickle may fail in any way
            raise InputError(path, f"its {name} {_reason(error)}", _REMEDY) from None
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind not in "fiub":
            wanted = ", ".join("?" if size is None else str(size) for size in shape)
            raise InputError(path, f"its {name} must be ({wanted}) numbers, is {array.shape} {array.dtype}", _REMEDY)
        numbers = np.ascontiguousarray(array, np.float64)
        if not np.isfinite(numbers).all():
            raise InputError(path, f"its {name} has values that are not finite", _REMEDY)
        return numbers

    template = take("v_template", None, 3)
    count = len(template)
    tree = take("kintree_table", 2, None)
    joints = tree.shape[1]
    if not (3 < count <= _MOST_VERTICES and 1 <= joints <= _MOST_JOINTS):
        raise InputError(path, f"has {count} vertices and {joints} joints, which no such model has", _REMEDY)
    faces = take("f", None, 3)
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= count:
        raise InputError(path, f"its f names vertices outside of 0 to {count - 1}", _REMEDY)
    weights = take("weights", count, joints)
    if weights.min() < -1e-3 or abs(weights.sum(axis=1) - 1).max() > 1e-2:
        raise InputError(path, "its weights do not sum to one", _REMEDY)
    hands = "hands_components" in found and "hands_mean" in found and joints == 16
    return BodyModel(
        template=template,
        shape_directions=take("shapedirs", count, 3, None),
        pose_directions=take("posedirs", count, 3, 9 * (joints - 1)),
        joint_regressor=take("J_regressor", joints, count),
        weights=weights,
        parents=_parents(tree[0], path),
        faces=np.ascontiguousarray(faces, np.int32),
        hands_components=take("hands_components", 45, 45) if hands else None,
        hands_mean=take("hands_mean", 45) if hands else None,
        hands_coefficients=take("hands_coeffs", None, 45) if hands and "hands_coeffs" in found else None,
    )


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "cannot be read"


def _parents(row: Array, path: Path) -> NDArray[np.int64]:
    """(J,) from the first row of kintree_table, whose root is -1 or 2^32 - 1."""
    parents = row.astype(np.int64)
    parents[0] = -1
    for joint, parent in enumerate(parents[1:], start=1):
        if not 0 <= parent < joint:
            raise InputError(path, f"its kintree_table gives joint {joint} the parent {parent}", _REMEDY)
    return parents


def find_model_files(path: Path, kinds: tuple[str, ...]) -> dict[str, Path]:
    """Model files by kind (such as "female") in the order of ``kinds``; a file alone stands for all of them.

    In a folder the kind is told by the names of files and folders: ``SMPL_FEMALE.pkl``, ``female/model.npz``,
    ``basicModel_f_lbs_10_207_0_v1.0.0.pkl``, ``MANO_LEFT.pkl``.

    Raises:
        InputError: there is no such file, or several of one kind.
    """
    if path.is_file():
        return dict.fromkeys(kinds, path)
    if not path.is_dir():
        raise InputError(path, "no such model file or folder", DOWNLOAD)
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (".pkl", ".npz") and p.is_file())
    found: dict[str, Path] = {}
    for file in files:
        kind = kind_of(file.relative_to(path), kinds)
        if kind in found:
            names = f"{found[kind].relative_to(path)}, {file.relative_to(path)}"
            raise InputError(path, f"has several {kind} model files ({names})", "give a folder with one model")
        if kind is not None:
            found[kind] = file
    if not found:
        raise InputError(path, f"has no model file (.pkl or .npz) named by {', '.join(kinds)}", DOWNLOAD)
    return {kind: found[kind] for kind in kinds if kind in found}


def kind_of(path: Path, kinds: tuple[str, ...]) -> str | None:
    """Which of ``kinds`` the words of ``path`` name, in full or by their first letter."""
    words = re.split(r"[^a-z0-9]+", str(path.with_suffix("")).lower())
    return next((kind for kind in kinds if kind in words or kind[0] in words), None)
