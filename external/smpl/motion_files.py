"""Motion capture as AMASS (Mahmood et al. 2019) publishes them: one npz file per clip, folders per performer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.core.npz import read_npz

Array = NDArray[np.float64]

_REMEDY = "give a folder of .npz files with poses, betas, gender and mocap_framerate, as AMASS has them"


@dataclass(frozen=True, eq=False)
class MotionClip:
    """One captured motion."""

    name: str
    poses: Array
    """(F, 3J) rotation vectors in radians; J is that of the model that it was recorded for."""
    betas: Array
    """(B,)"""
    gender: str
    frame_rate: float


@dataclass(frozen=True, eq=False)
class Performer:
    """A person with the clips of its motions."""

    name: str
    gender: str
    betas: Array
    clips: tuple[MotionClip, ...]


def load_motion(path: Path) -> MotionClip | None:
    """The motion in ``path``, or None where the file holds none (AMASS has files with a shape alone).

    Raises:
        InputError: the file is damaged or its arrays have other shapes.
    """
    names = ("poses", "betas", "gender", "mocap_framerate", "mocap_frame_rate")
    arrays = read_npz(path, names, _REMEDY, 2**28)
    if "poses" not in arrays:
        return None
    poses = _numbers(arrays["poses"], path, "poses")
    betas = _numbers(arrays.get("betas", np.zeros(10)), path, "betas").reshape(-1)
    if poses.ndim != 2 or len(poses) == 0 or poses.shape[1] % 3:
        raise InputError(path, f"its poses must be (F, 3J), are {poses.shape}", _REMEDY)
    rate = _numbers(arrays.get("mocap_framerate", arrays.get("mocap_frame_rate", np.array(60.0))), path, "frame rate")
    if rate.size != 1 or not rate.item() > 0:
        raise InputError(path, f"its frame rate is {rate}", _REMEDY)
    return MotionClip(path.stem, poses, betas, _word(arrays.get("gender", np.array("neutral"))), float(rate.item()))


def load_performers(folder: Path) -> tuple[Performer, ...]:
    """All motions below ``folder``, one performer for each distinct gender and shape.

    Performers are named by the folder of their first file; files are taken in natural order.

    Raises:
        InputError: there are none, or one of them is damaged.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder of motions", _REMEDY)
    groups: dict[tuple[Any, ...], list[tuple[Path, MotionClip]]] = {}
    files = sorted((p for p in folder.rglob("*.npz") if p.is_file()), key=lambda p: (str(p.parent), natural_key(p)))
    for path in files:
        clip = load_motion(path)
        if clip is not None:
            key = (clip.gender, *np.round(clip.betas, 4).tolist())
            groups.setdefault(key, []).append((path, clip))
    if not groups:
        raise InputError(folder, "has no .npz file with poses", _REMEDY)
    names = unique_names([group[0][0].parent.name for group in groups.values()])
    return tuple(
        Performer(name, group[0][1].gender, group[0][1].betas, _with_unique_names([each for _, each in group]))
        for name, group in zip(names, groups.values(), strict=True)
    )


def evenly(poses: Array, frames: int) -> Array:
    """At most ``frames`` of ``poses`` (F, 3J), evenly spaced from the first to the last."""
    rows = np.linspace(0, len(poses) - 1, min(frames, len(poses))).round().astype(int)
    return poses[rows]


def fitted_to(poses: Array, joints: int, shared: int) -> Array:
    """``poses`` (F, 3J') for a model of ``joints`` joints: all where the numbers agree, else the first ``shared``.

    Raises:
        ValueError: there are fewer than that.
    """
    if poses.shape[1] == 3 * joints:
        return poses
    if poses.shape[1] < 3 * shared:
        raise ValueError(f"has {poses.shape[1]} numbers per pose, at least {3 * shared} are needed")
    result = np.zeros((len(poses), 3 * joints))
    result[:, : 3 * shared] = poses[:, : 3 * shared]
    return result


def unique_names(names: Sequence[str]) -> list[str]:
    """``names``, repeated ones numbered: walk, walk_2, walk_3."""
    taken: set[str] = set()
    result = []
    for name in names:
        stem, number = name or "motion", 2
        name = stem
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        result.append(name)
    return result


def _with_unique_names(clips: list[MotionClip]) -> tuple[MotionClip, ...]:
    names = unique_names([clip.name for clip in clips])
    return tuple(
        MotionClip(name, r.poses, r.betas, r.gender, r.frame_rate) for name, r in zip(names, clips, strict=True)
    )


def _numbers(array: NDArray[Any], path: Path, what: str) -> Array:
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(path, f"its {what} are not finite numbers", _REMEDY)
    return np.asarray(array, np.float64)


def _word(array: NDArray[Any]) -> str:
    """Gender as text; some files have it as bytes, some as the text of such bytes."""
    value = array.reshape(-1)[0] if array.size else "neutral"
    word = value.decode("latin1") if isinstance(value, bytes) else str(value)
    word = word.removeprefix("b'").strip("'").lower()
    return word if word in ("female", "male") else "neutral"
