"""Raw datasets of moving hands from the user's MANO model file, closed at the wrist."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import InputError, Setting, Task, remedy
from engine.geometry.repair.hole_caps import flat_caps
from external.smpl.bodies import PosedIdentities, PosedIdentity, check_counts
from external.smpl.clips import CLIP_SECONDS, random_hand_clip
from external.smpl.model_file import BodyModel, find_model_files, kind_of, load_body_model
from external.smpl.motion_files import evenly, load_performers

SIDES = ("right", "left")
_JOINTS = 16


def load_hand(path: Path, side: str | None) -> tuple[BodyModel, str]:
    """The MANO model in ``path``, a file or a folder, with the opening at the wrist closed, and its side.

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
    try:
        faces = np.concatenate([hand.faces, flat_caps(hand.faces).astype(np.int32)])
    except ValueError as error:
        raise InputError(files[side], str(error), "use the model file as published") from None
    return replace(hand, faces=faces), side


def random_hands(
    model_path: Path, side: str | None, identities: int, sequences: int, frames: int, seed: int
) -> PosedIdentities:
    """Random shapes in random motions through recorded hand poses of the model file.

    Raises:
        InputError: a count is not positive, or the model is no hand.
    """
    check_counts({Setting.IDENTITIES: identities, Setting.SEQUENCES: sequences, Setting.FRAMES: frames})
    hand, side = load_hand(model_path, side)
    bodies = {}
    for index in range(identities):
        random = np.random.default_rng((seed, index))
        betas = np.clip(random.standard_normal(min(10, hand.shape_directions.shape[2])), -2.5, 2.5)
        clips = {f"motion_{i:03d}": random_hand_clip(random, frames, hand) for i in range(sequences)}
        bodies[f"{side}_{index:04d}"] = PosedIdentity(hand, betas, clips)
    recipe = {"identities": identities, "sequences": sequences, "frames": frames, "seed": seed}
    return _hands(hand, side, max(frames - 1, 1) / CLIP_SECONDS, recipe, bodies)


def recorded_hands(
    model_path: Path,
    side: str | None,
    motions: Path,
    frames: int,
    identities: int | None = None,
    sequences: int | None = None,
) -> PosedIdentities:
    """Recorded motions (see `load_performers`) whose poses have 48 numbers, or 45 without the turn of the wrist.

    Finger poses are absolute rotation vectors: the mean pose of the model is not added.

    Raises:
        InputError: the poses have another size, or the model is no hand.
    """
    check_counts({Setting.FRAMES: frames, Setting.IDENTITIES: identities or 1, Setting.SEQUENCES: sequences or 1})
    hand, side = load_hand(model_path, side)
    bodies, durations = {}, []
    people = load_performers(motions)[:identities]
    for person in people:
        clips = {}
        for clip in person.clips[:sequences]:
            poses = evenly(clip.poses, frames)
            if poses.shape[1] not in (45, 48):
                problem = f"has poses of {poses.shape[1]} numbers, a hand has 45 or 48"
                raise InputError(motions / person.name / clip.name, problem, "give motions of MANO hands")
            clips[clip.name] = np.pad(poses, ((0, 0), (48 - poses.shape[1], 0)))
            durations.append(max(len(clip.poses) - 1, 1) / clip.frame_rate)
        bodies[person.name] = PosedIdentity(hand, person.betas, clips)
    recipe = {
        "motions": {person.name: [r.name for r in person.clips[:sequences]] for person in people},
        "frames": frames,
    }
    return _hands(hand, side, round(max(frames - 1, 1) / float(np.median(durations)), 3), recipe, bodies)


def _hands(
    hand: BodyModel, side: str, rate: float, recipe: Mapping[str, Any], bodies: Mapping[str, PosedIdentity]
) -> PosedIdentities:
    recipe = {"importer": "mano", "side": side, "model": hand.checksum(), **recipe}
    return PosedIdentities("mano", f"{side} hands", rate, recipe, bodies, np.zeros(3 * _JOINTS))
