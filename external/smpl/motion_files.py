"""Motion capture as AMASS (Mahmood et al. 2019) publishes them: one npz file per clip, folders per performer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Remedy
from engine.core.files import natural_key
from engine.core.npz import read_npz
from engine.core.progress import Progress

Array = NDArray[np.float64]

_REMEDY = "give .npz files with poses, betas, gender and mocap_framerate, as AMASS has them"
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate", "frame_rate")
_ASSUMED_RATE = 60.0
_PARTS = (  # of poses, in the order of the joints; the first two must be there
    ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand"),
    ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose"),
    ("global_orient", "hand_pose"),
)


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
    assumed: tuple[str, ...] = ()
    """What the file does not say, and what was taken instead."""


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
    names = ("poses", "betas", *_RATES, *dict.fromkeys(part for parts in _PARTS for part in parts))
    arrays = read_npz(path, names, _REMEDY, 2**28)
    poses = _poses(arrays, path)
    if poses is None:
        return None
    if poses.ndim != 2 or len(poses) == 0 or poses.shape[1] % 3:
        raise InputError(path, f"its poses must be (F, 3J), are {poses.shape}", _REMEDY)
    assumed = []
    stated = next((arrays[name] for name in _RATES if name in arrays), None)
    if stated is None:
        assumed.append(f"no frame rate: {_ASSUMED_RATE:g} frames per second are assumed")
    rate = np.array(_ASSUMED_RATE) if stated is None else _numbers(stated, path, "frame rate")
    if rate.size != 1 or not rate.item() > 0:
        raise InputError(path, f"its frame rate is {rate}", _REMEDY)
    betas = _numbers(arrays.get("betas", np.zeros(10)), path, "betas")
    if betas.ndim == 2 and len(betas):
        if np.ptp(betas, axis=0).max(initial=0.0) > 0:
            assumed.append("no single shape, but one for each frame: their mean is taken")
        betas = betas.mean(axis=0)
    try:
        gender = _word(read_npz(path, ("gender",), _REMEDY).get("gender", np.array("neutral")))
    except InputError:  # a Python object
        gender = "neutral"
        assumed.append("no readable gender: neutral is assumed")
    return MotionClip(path.stem, poses, betas.reshape(-1), gender, float(rate.item()), tuple(assumed))


def _poses(arrays: Mapping[str, NDArray[Any]], path: Path) -> Array | None:
    """Poses (F, 3J), put together where root, body and hands are arrays of their own; None where there are none."""
    if "poses" in arrays:
        poses = _numbers(arrays["poses"], path, "poses")
        return poses.reshape(len(poses), -1) if poses.ndim == 3 and poses.shape[2] == 3 and poses.size else poses
    for names in _PARTS:
        if not all(name in arrays for name in names[:2]):
            continue
        parts = [_numbers(arrays[name], path, name) for name in names if name in arrays]
        flat = [part.reshape(len(part), -1) if part.ndim > 1 and part.size else part for part in parts]
        if any(part.ndim != 2 or len(part) != len(flat[0]) for part in flat):
            shapes = ", ".join(f"{name} {arrays[name].shape}" for name in names if name in arrays)
            raise InputError(path, f"has parts of poses with different numbers of frames: {shapes}", _REMEDY)
        return np.concatenate(flat, axis=1)
    alone = [name for names in _PARTS for name in names[1:] if name in arrays]
    if alone:
        raise InputError(path, f"has {alone[0]} without the turn of the root (root_orient)", _REMEDY)
    return None


def load_performers(folder: Path, progress: Progress | None = None) -> tuple[Performer, ...]:
    """All motions below ``folder``, one performer for each distinct gender and shape.

    Performers are named by the folder of their first file; files are taken in natural order. A file that cannot be
    read is left out, and named to ``progress``, as is what files do not say.

    Raises:
        InputError: there are none, or all are damaged.
    """
    progress = progress or Progress()
    if not folder.is_dir():
        raise InputError(folder, "no such folder of motions", _REMEDY)
    groups: dict[tuple[Any, ...], list[tuple[Path, MotionClip]]] = {}
    files = sorted((p for p in folder.rglob("*.npz") if p.is_file()), key=lambda p: (str(p.parent), natural_key(p)))
    files = [path for path in files if not path.name.startswith(".")]  # such as those that macOS leaves on other disks
    damaged: list[InputError] = []
    without: list[Path] = []
    for path in files:
        try:
            clip = load_motion(path)
        except InputError as error:
            damaged.append(error)
            continue
        if clip is None:
            without.append(path)
            continue
        key = (clip.gender, *np.round(clip.betas, 4).tolist())
        groups.setdefault(key, []).append((path, clip))
    if not groups:
        raise damaged[0] if damaged else InputError(folder, "has no .npz file with poses", _REMEDY)
    for each in damaged:
        progress.notice(each.as_notice("left out"))
    if without:
        progress.message(f"left out: {len(without)} files without poses, such as {without[0]}")
    _say_assumptions([each for group in groups.values() for each in group], progress)
    names = unique_names([group[0][0].parent.name for group in groups.values()])
    return tuple(
        Performer(name, group[0][1].gender, group[0][1].betas, _with_unique_names([each for _, each in group]))
        for name, group in zip(names, groups.values(), strict=True)
    )


def _say_assumptions(clips: Sequence[tuple[Path, MotionClip]], progress: Progress) -> None:
    files: dict[str, list[Path]] = {}
    for path, clip in clips:
        for assumption in clip.assumed:
            files.setdefault(assumption, []).append(path)
    for assumption, paths in files.items():
        text = f"{len(paths)} of {len(clips)} motions, such as {paths[0]}, have {assumption}"
        progress.notice(Notice(text, Remedy(f"add an array {_RATES[0]}") if "rate" in assumption else None))


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
    return tuple(replace(clip, name=name) for name, clip in zip(names, clips, strict=True))


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


def fitting_clips(
    people: Sequence[Performer],
    motions: Path,
    sequences: int | None,
    fit: Callable[[Array], Array],
    progress: Progress,
) -> tuple[dict[str, dict[str, Array]], float]:
    """Performer to clip to what ``fit`` makes of its poses, and the median duration of these clips in seconds.

    The first ``sequences`` of each performer are taken. Those that ``fit`` refuses with a `ValueError` are left out
    and named, and so are performers who have no others.

    Raises:
        InputError: none is left.
    """
    taken: dict[str, dict[str, Array]] = {}
    durations, refused = [], []
    for person in people:
        clips: dict[str, Array] = {}
        for clip in person.clips:
            if len(clips) == sequences:
                break
            try:
                clips[clip.name] = fit(clip.poses)
            except ValueError as error:
                refused.append(InputError(motions / person.name / clip.name, str(error), "give motions of this model"))
                continue
            durations.append(max(len(clip.poses) - 1, 1) / clip.frame_rate)
        if clips:
            taken[person.name] = clips
    if not taken:
        raise refused[0]
    for each in refused:
        progress.notice(each.as_notice("left out"))
    return taken, float(np.median(durations))
