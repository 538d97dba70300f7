"""Raw datasets of moving hands from the user's MANO model file, closed at the wrist."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Notice, Remedy, Setting, Task, remedy
from engine.core.progress import Progress
from engine.geometry.repair.hole_caps import flat_caps
from external.smpl.bodies import PosedIdentities, PosedIdentity, check_counts
from external.smpl.clips import CLIP_SECONDS, random_hand_clip
from external.smpl.model_file import BodyModel, find_model_files, kind_of, load_body_model
from external.smpl.motion_files import Performer, evenly, fitting_clips, load_performers

Array = NDArray[np.float64]
Hand = tuple[BodyModel, str]
"""A hand model, closed at the wrist, and its side."""

SIDES = ("right", "left")
_JOINTS = 16
_FINGERS = 45  # numbers of a pose without the turn of the wrist


def load_hand(path: Path, side: str | None, progress: Progress | None = None) -> Hand:
    """The MANO model in ``path``, a file or a folder, with the opening at the wrist closed, and its side.

    The published left hand has a fault, which is corrected where the right one is there to compare it with; see
    `without_the_left_fault`.

    Args:
        side: ``right`` or ``left`` where a folder has both (right by default); a file names its own side.

    Raises:
        InputError: there is no such model, or it is no hand.
    """
    files = find_model_files(path, SIDES)
    named = kind_of(Path(path.name), SIDES) if path.is_file() else None
    if side is not None and (side not in files or named not in (None, side)):
        raise InputError(path, f"is not the model of a {side} hand", f"give MANO_{side.upper()}.pkl or its folder")
    side = side or named or next(iter(files))
    hand = load_body_model(files[side])
    if hand.joints != _JOINTS or hand.hands_components is None or hand.hands_mean is None:
        fix = remedy("give MANO_RIGHT.pkl or MANO_LEFT.pkl; for bodies, {}", Task.IMPORT_BODIES)
        raise InputError(files[side], f"is not a hand model: it has {hand.joints} joints", fix)
    if side == "left":
        right = files["right"] if path.is_dir() and "right" in files else _beside(files["left"])
        hand = _compared(hand, files["left"], right, progress or Progress())
    try:
        faces = np.concatenate([hand.faces, flat_caps(hand.faces).astype(np.int32)])
    except ValueError as error:
        raise InputError(files[side], str(error), "use the model file as published") from None
    return replace(hand, faces=faces), side


def _beside(path: Path) -> Path | None:
    """The right hand in the folder of the left one."""
    models = (each for each in path.parent.iterdir() if each.suffix.lower() in (".pkl", ".npz") and each.is_file())
    found = [each for each in models if kind_of(Path(each.name), SIDES) == "right"]
    return found[0] if len(found) == 1 else None


def _compared(left: BodyModel, path: Path, right_path: Path | None, progress: Progress) -> BodyModel:
    """``left`` without the published fault, which is said, and so is it where nothing tells of the fault."""
    try:
        right = None if right_path is None else load_body_model(right_path)
    except InputError:  # of another kind
        right = None
    if right is None:
        text = f"{path}: the published file of the left hand has shape directions with x of the wrong sign; whether "
        progress.notice(Notice(f"{text}this one has cannot be told without the right hand", Remedy(_ADD_RIGHT)))
        return left
    corrected = without_the_left_fault(left, right)
    if corrected is not left:
        text = "as published, its shape directions are those of the right hand although it is mirrored in x: one shape "
        progress.message(f"{path}: {text}was two different hands; the sign of their x components is corrected")
    return corrected


_ADD_RIGHT = "put MANO_RIGHT.pkl beside it"


def without_the_left_fault(left: BodyModel, right: BodyModel) -> BodyModel:
    """``left`` with x of its shape directions negated, where its mean hand is mirrored but these are not.

    Reported at github.com/vchoutas/smplx/issues/48: the published files of both hands have the same ``shapedirs``.
    """
    if left.shape_directions.shape != right.shape_directions.shape:
        return left
    directions = left.shape_directions
    if not _is_mirrored(left.template[:, 0], right.template[:, 0]):
        return left
    if _is_mirrored(directions[:, 0], right.shape_directions[:, 0]):
        return left
    return replace(left, shape_directions=directions * np.array([-1.0, 1.0, 1.0])[:, None])


def _is_mirrored(one: Array, other: Array) -> bool:
    return bool(np.abs(one + other).sum() < np.abs(one - other).sum())


def random_hands(hand: Hand, identities: int, sequences: int, frames: int, seed: int) -> PosedIdentities:
    """Random shapes in random motions through recorded hand poses of the model file.

    Raises:
        InputError: a count is not positive.
    """
    check_counts({Setting.IDENTITIES: identities, Setting.SEQUENCES: sequences, Setting.FRAMES: frames})
    model, side = hand
    bodies = {}
    for index in range(identities):
        random = np.random.default_rng((seed, index))
        betas = np.clip(random.standard_normal(min(10, model.shape_directions.shape[2])), -2.5, 2.5)
        clips = {f"motion_{i:03d}": random_hand_clip(random, frames, model) for i in range(sequences)}
        bodies[f"{side}_{index:04d}"] = PosedIdentity(model, betas, clips)
    recipe = {"identities": identities, "sequences": sequences, "frames": frames, "seed": seed}
    return _hands(hand, max(frames - 1, 1) / CLIP_SECONDS, recipe, bodies)


def recorded_hands(
    hand: Hand,
    motions: Path,
    frames: int,
    identities: int | None = None,
    sequences: int | None = None,
    flat_hand_mean: bool | None = None,
    progress: Progress | None = None,
) -> PosedIdentities:
    """Recorded motions (see `load_performers`) whose poses have 48 numbers, or 45 without the turn of the wrist.

    Motions that cannot be read or are none of hands are left out, and named to ``progress``.

    Args:
        flat_hand_mean: whether a pose of zeros is the flat hand, as smplx calls it; else poses are relative to the
            mean hand of the model. None: the flat hand, which is said.

    Raises:
        InputError: no motion is one of hands.
    """
    progress = progress or Progress()
    check_counts({Setting.FRAMES: frames, Setting.IDENTITIES: identities or 1, Setting.SEQUENCES: sequences or 1})
    model, _ = hand
    assert model.hands_mean is not None
    mean = np.concatenate([np.zeros(3), model.hands_mean])

    def fit(poses: Array) -> Array:
        if poses.shape[1] not in (_FINGERS, _FINGERS + 3):
            raise ValueError(f"has poses of {poses.shape[1]} numbers, a hand has 45 or 48")
        whole = np.pad(evenly(poses, frames), ((0, 0), (_FINGERS + 3 - poses.shape[1], 0)))
        return whole + mean if flat_hand_mean is False else whole

    people = load_performers(motions, progress)[:identities]
    clips, duration = fitting_clips(people, motions, sequences, fit, progress)
    if flat_hand_mean is None:
        _say_what_zero_is(people, model.hands_mean, progress)
    bodies = {
        person.name: PosedIdentity(model, person.betas, clips[person.name]) for person in people if person.name in clips
    }
    recipe: dict[str, Any] = {"motions": {name: list(taken) for name, taken in clips.items()}, "frames": frames}
    if flat_hand_mean is False:
        recipe["flat_hand_mean"] = False
    return _hands(hand, round(max(frames - 1, 1) / duration, 3), recipe, bodies)


def _say_what_zero_is(people: tuple[Performer, ...], mean: Array, progress: Progress) -> None:
    """That poses are taken as they are, and whether their average says otherwise."""
    fingers = [clip.poses[:, -_FINGERS:].mean(axis=0) for one in people for clip in one.clips if _of_hand(clip.poses)]
    average = np.mean(fingers, axis=0)
    text = "poses of fingers are taken as angles from the flat hand"
    if np.linalg.norm(average) < np.linalg.norm(average - mean):
        text = f"warning: {text}, but on average they are nearer to zero than to the mean hand of the model"
    zero = Setting.FLAT_HAND_MEAN
    fix = remedy("state {} where they are angles from the mean hand, else {}", Choice(zero, "no"), Choice(zero, "yes"))
    progress.notice(Notice(text, fix))


def _of_hand(poses: Array) -> bool:
    return poses.shape[1] in (_FINGERS, _FINGERS + 3)


def _hands(hand: Hand, rate: float, recipe: Mapping[str, Any], bodies: Mapping[str, PosedIdentity]) -> PosedIdentities:
    model, side = hand
    recipe = {"importer": "mano", "side": side, "model": model.checksum(), **recipe}
    return PosedIdentities("mano", f"{side} hands", rate, recipe, bodies, np.zeros(3 * _JOINTS))
