"""Raw datasets of moving bodies from a model file of the user: `random_bodies`, `recorded_bodies`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Setting, Task, remedy
from engine.core.progress import Progress
from external.smpl.body import posed, rotation_matrices
from external.smpl.clips import BODY_JOINTS, CLIP_SECONDS, legs_apart, random_body_clip
from external.smpl.model_file import BodyModel, find_model_files, load_body_model
from external.smpl.motion_files import evenly, fitted_to, fitting_clips, load_performers

Array = NDArray[np.float64]

GENDERS = ("female", "male", "neutral")
LICENCE = (
    "of the SMPL family of models and of the motions: non-commercial research, see smpl.is.tue.mpg.de/modellicense"
)
_CHUNK = 16  # frames skinned at once


@dataclass(frozen=True, eq=False)
class PosedIdentity:
    """A shape and its motions."""

    model: BodyModel
    betas: Array
    """(B,)"""
    clips: Mapping[str, Array]
    """Sequence name -> poses (F, 3J)."""


@dataclass(frozen=True, eq=False)
class PosedIdentities:
    """Identities of skinned models as an `engine.dataset.importing.RawDataset`; metres, Y up, no translation."""

    name: str
    category: str
    frame_rate: float
    recipe: Mapping[str, Any]
    bodies: Mapping[str, PosedIdentity]
    canonical_pose: Array
    """(3J,)"""
    licence: str = LICENCE

    @property
    def identities(self) -> Sequence[str]:
        return list(self.bodies)

    def faces(self, identity: str) -> NDArray[np.int32]:
        return self.bodies[identity].model.faces

    def canonical(self, identity: str) -> Array:
        one = self.bodies[identity]
        return posed(one.model, one.betas, self.canonical_pose)[0]

    def sequences(self, identity: str) -> Sequence[str]:
        return list(self.bodies[identity].clips)

    def frames(self, identity: str, sequence: str) -> Array:
        one = self.bodies[identity]
        return skinned_frames(one.model, one.betas, one.clips[sequence])


def skinned_frames(model: BodyModel, betas: Array, poses: Array, t_poses: Array | None = None) -> Array:
    """(F, V, 3) for ``poses`` (F, 3J), a few frames at a time; ``t_poses`` (F, V, 3) as in `posed`."""
    frames = np.empty((len(poses), *model.template.shape))
    for start in range(0, len(poses), _CHUNK):
        part = slice(start, start + _CHUNK)
        frames[part] = posed(model, betas, poses[part], None if t_poses is None else t_poses[part])[0]
    return frames


def random_bodies(model_path: Path, identities: int, sequences: int, frames: int, seed: int) -> PosedIdentities:
    """Random shapes in random motions; a folder's models of different genders take turns.

    Raises:
        InputError: a count is not positive, or the model is no body.
    """
    check_counts({Setting.IDENTITIES: identities, Setting.SEQUENCES: sequences, Setting.FRAMES: frames})
    models = list(dict.fromkeys(_load_models(find_model_files(model_path, GENDERS)).values()))
    bodies = {}
    for index in range(identities):
        random = np.random.default_rng((seed, index))
        model = models[index % len(models)]
        count = min(10, model.shape_directions.shape[2])
        betas = np.clip(random.standard_normal(count), -2.5, 2.5)
        clips = {f"motion_{i:03d}": random_body_clip(random, frames, model.joints) for i in range(sequences)}
        bodies[f"body_{index:04d}"] = PosedIdentity(model, betas, clips)
    recipe = {
        "importer": "smpl",
        "models": [model.checksum() for model in models],
        "identities": identities,
        "sequences": sequences,
        "frames": frames,
        "seed": seed,
    }
    rate = max(frames - 1, 1) / CLIP_SECONDS
    return PosedIdentities("smpl", "human bodies", rate, recipe, bodies, legs_apart(models[0].joints))


def recorded_bodies(
    model_path: Path,
    motions: Path,
    frames: int,
    up: Literal["y", "z"] = "z",
    identities: int | None = None,
    sequences: int | None = None,
    progress: Progress | None = None,
) -> PosedIdentities:
    """The performers of recorded motions (see `load_performers`), each motion sampled to ``frames`` frames.

    Motions that cannot be read or do not fit the model are left out, and named to ``progress``.

    Args:
        up: the axis that points up in the recordings; AMASS has z.
        identities, sequences: take only the first ones, by default all.

    Raises:
        InputError: there is no model for the gender of a performer, or no motion fits it.
    """
    progress = progress or Progress()
    check_counts({Setting.FRAMES: frames, Setting.IDENTITIES: identities or 1, Setting.SEQUENCES: sequences or 1})
    people = load_performers(motions, progress)[:identities]
    files = find_model_files(model_path, GENDERS)
    lacking = sorted({person.gender for person in people} - set(files))
    if lacking:
        raise InputError(
            model_path, f"has no model for the {lacking[0]} subjects of {motions}", "add it, or give a file"
        )
    models = _load_models({gender: files[gender] for gender in files if gender in {p.gender for p in people}})
    upright = np.eye(3) if up == "y" else rotation_matrices([-np.pi / 2, 0.0, 0.0])
    joints = next(iter(models.values())).joints

    def fit(poses: Array) -> Array:
        return _turned(fitted_to(evenly(poses, frames), joints, BODY_JOINTS), upright)

    clips, duration = fitting_clips(people, motions, sequences, fit, progress)
    bodies = {
        person.name: PosedIdentity(models[person.gender], person.betas, clips[person.name])
        for person in people
        if person.name in clips
    }
    recipe = {
        "importer": "smpl",
        "models": {gender: model.checksum() for gender, model in models.items()},
        "motions": {name: list(taken) for name, taken in clips.items()},
        "frames": frames,
        "up": up,
    }
    rate = max(frames - 1, 1) / duration
    return PosedIdentities("smpl", "human bodies", round(rate, 3), recipe, bodies, legs_apart(joints))


def check_counts(counts: Mapping[Setting, int]) -> None:
    """Refuse counts that are not positive."""
    for setting, count in counts.items():
        if count < 1:
            raise InputError(Choice(setting, str(count)), "must be at least 1")


def _load_models(files: Mapping[str, Path]) -> dict[str, BodyModel]:
    loaded = {path: load_body_model(path) for path in dict.fromkeys(files.values())}
    for path, model in loaded.items():
        if model.joints < BODY_JOINTS:
            fix = remedy("for hands, {}", Task.IMPORT_HANDS)
            raise InputError(path, f"has {model.joints} joints, which is not a body model", fix)
    first_path, first = next(iter(loaded.items()))
    for path, model in loaded.items():
        if model.joints != first.joints or not np.array_equal(model.faces, first.faces):
            raise InputError(path, f"has another topology than {first_path.name}", "give a folder with one model")
    return {kind: loaded[path] for kind, path in files.items()}


def _turned(poses: Array, rotation: Array) -> Array:
    """``poses`` (F, 3J) with the root turned by ``rotation`` (3, 3) in the world."""
    from scipy.spatial.transform import Rotation

    turned = poses.copy()
    turned[:, :3] = Rotation.from_matrix(rotation @ rotation_matrices(poses[:, :3])).as_rotvec()
    return turned
