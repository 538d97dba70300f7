"""The raw ``cape_release`` folder as a `engine.dataset.importing.RawDataset`: `CapeRelease`.

Layout::

    sequences/<subject>/<cloth>_<motion>/<cloth>_<motion>.<frame>.npz    v_cano, v_posed (V, 3), pose (72,), transl (3,)
    raw_scans/<subject>/<cloth>_<motion>/<cloth>_<motion>.<frame>.ply    millimetres
    misc/smpl_tris.npy, misc/subj_genders.pkl
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Setting, remedy
from engine.core.files import natural_key
from engine.core.npz import read_npz
from engine.core.progress import Progress
from engine.dataset.arrays import load_array
from external.smpl.bodies import GENDERS, skinned_frames
from external.smpl.body import posed
from external.smpl.clips import legs_apart
from external.smpl.inert_pickle import read_pickle, text
from external.smpl.model_file import BodyModel, find_model_files, load_body_model

Array = NDArray[np.float64]

LICENCE = "of CAPE and SMPL: non-commercial research, see cape.is.tue.mpg.de/license.html"
_FRAME_RATE = 60.0
_REMEDY = "give the folder cape_release as published"
_JOINTS = 24
_LARGEST_MEAN_DEVIATION_M = 0.02
_NO_BETAS = np.zeros(0)


@dataclass(frozen=True, eq=False)
class CapeFrame:
    """One registration; metres."""

    name: str
    """Number of the frame in its file name."""
    unposed: Array
    """(V, 3) in the zero pose, clothing included: ``v_cano``."""
    posed: Array
    """(V, 3) as registered, the translation taken off: ``v_posed - transl``."""
    pose: Array
    """(72,) rotation vectors of SMPL."""
    translation: Array
    """(3,)"""


class CapeRelease:
    """Identities ``<subject>_<cloth>`` with their motions, as the published NPM code prepares them.

    The canonical mesh is ``v_cano`` of the first readable frame with the legs apart, posed frames are each frame's
    ``v_cano`` in its pose, both by SMPL with pose corrections and joints regressed from ``v_cano``; no translation.
    Without a model the canonical mesh is ``v_cano`` as it is, and posed frames are ``v_posed - transl``.

    A frame that cannot be read is left out, told to ``progress`` and counted in `skipped`.
    """

    name, category, licence, frame_rate = "cape", "clothed human bodies", LICENCE, _FRAME_RATE

    def __init__(self, root: Path, model_path: Path | None, progress: Progress | None = None) -> None:
        self.root = root if (root / "sequences").is_dir() else root / "cape_release"
        if not (self.root / "sequences").is_dir():
            raise InputError(root, "has no folder sequences", _REMEDY)
        self._progress = progress or Progress()
        self._skipped: set[Path] = set()
        self._far_subjects: set[str] = set()
        self._folders: dict[str, dict[str, Path]] = {}
        for folder in sorted((self.root / "sequences").glob("*/*")):
            cloth, _, motion = folder.name.partition("_")
            if folder.is_dir() and motion:
                self._folders.setdefault(f"{folder.parent.name}_{cloth}", {})[motion] = folder
        self._models = self._load_models(model_path) if model_path else {}
        self._firsts: dict[str, CapeFrame] = {}
        for identity in list(self._folders):
            self._find_first(identity)
        if not self._folders:
            raise InputError(self.root, "has no readable frame in sequences/<subject>/<cloth>_<motion>/*.npz", _REMEDY)

    @property
    def skipped(self) -> int:
        """Number of frames that could not be read so far."""
        return len(self._skipped)

    @property
    def identities(self) -> Sequence[str]:
        return list(self._folders)

    @property
    def recipe(self) -> Mapping[str, Any]:
        checksums = {subject: model.checksum() for subject, model in sorted(self._models.items())}
        return {"importer": "cape", "models": checksums}

    @cached_property
    def _faces(self) -> NDArray[np.int32]:
        path = self.root / "misc" / "smpl_tris.npy"
        if not path.is_file() and self._models:
            return next(iter(self._models.values())).faces
        faces = load_array(path, _REMEDY)
        if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
            raise InputError(path, f"must be (T, 3) integers, is {faces.shape} {faces.dtype}", _REMEDY)
        return np.asarray(faces, np.int32)

    def faces(self, identity: str) -> NDArray[np.int32]:
        return self._faces

    def canonical(self, identity: str) -> Array:
        unposed = self._firsts[identity].unposed
        model = self._models.get(_subject(identity))
        return unposed if model is None else posed(model, _NO_BETAS, legs_apart(_JOINTS), unposed)[0]

    def sequences(self, identity: str) -> Sequence[str]:
        return list(self._folders[identity])

    def frames(self, identity: str, sequence: str) -> Array:
        frames = self.registrations(identity, sequence)
        registered = np.stack([frame.posed for frame in frames])
        model = self._models.get(_subject(identity))
        if model is None:
            return registered
        poses, unposed = np.stack([frame.pose for frame in frames]), np.stack([frame.unposed for frame in frames])
        vertices = skinned_frames(model, _NO_BETAS, poses, unposed)
        deviation = float(np.linalg.norm(vertices - registered, axis=-1).mean())
        if deviation > _LARGEST_MEAN_DEVIATION_M and _subject(identity) not in self._far_subjects:
            self._far_subjects.add(_subject(identity))
            text = f"warning: {identity}/{sequence}: posed by the model, vertices are {1000 * deviation:.0f} mm from "
            fix = remedy("check that {} has the subject's gender", Setting.BODY_MODEL)
            self._progress.notice(Notice(f"{text}the registrations on average", fix))
        return vertices

    def registrations(self, identity: str, sequence: str) -> list[CapeFrame]:
        """The readable frames of one motion; row of a frame in the list = its row in the imported sequence."""
        count = len(self._firsts[identity].unposed)
        frames = []
        for path in _files(self._folders[identity][sequence], ".npz"):
            frame = self._read(path, count)
            if frame is not None:
                frames.append(frame)
        return frames

    def scans(self, identity: str, sequence: str) -> dict[str, Path]:
        """Files of the real scans of one motion by the name of their frame."""
        folder = self.root / "raw_scans" / _subject(identity) / self._folders[identity][sequence].name
        return {frame_name(path): path for path in _files(folder, ".ply")}

    def _find_first(self, identity: str) -> None:
        """The first readable frame of ``identity``; motions without any, and then the identity, are left out."""
        count = None
        if self._models:
            count = len(self._models[_subject(identity)].template)
        for sequence, folder in list(self._folders[identity].items()):
            candidates = (self._read(path, count) for path in _files(folder, ".npz"))
            frame = next((frame for frame in candidates if frame is not None), None)
            if frame is None:
                self._progress.message(f"warning: {folder}: no readable frame; the motion is left out")
                del self._folders[identity][sequence]
                continue
            self._firsts.setdefault(identity, frame)
            count = len(frame.unposed)
        if not self._folders[identity]:
            del self._folders[identity]

    def _read(self, path: Path, count: int | None) -> CapeFrame | None:
        try:
            return load_frame(path, count)
        except InputError as error:
            if path not in self._skipped:
                self._skipped.add(path)
                self._progress.notice(error.as_notice("skipped"))
            return None

    def _load_models(self, path: Path) -> dict[str, BodyModel]:
        """The model of each subject, by its gender where ``path`` is a folder."""
        files = find_model_files(path, GENDERS)
        subjects = sorted({_subject(identity) for identity in self._folders})
        loaded: dict[Path, BodyModel] = {}
        genders = dict.fromkeys(subjects, GENDERS[0]) if path.is_file() else self._genders()
        models = {}
        for subject in subjects:
            if subject not in genders:
                raise InputError(self.root / "misc" / "subj_genders.pkl", f"does not name subject {subject}", _REMEDY)
            if genders[subject] not in files:
                problem = f"has no {genders[subject]} model, which subject {subject} needs"
                raise InputError(path, problem, "add it, or give one model file for all subjects")
            file = files[genders[subject]]
            if file not in loaded:
                loaded[file] = load_body_model(file)
                if loaded[file].joints != _JOINTS:
                    raise InputError(file, f"has {loaded[file].joints} joints", "CAPE needs a model of SMPL, with 24")
            models[subject] = loaded[file]
        return models

    def _genders(self) -> dict[str, str]:
        path = self.root / "misc" / "subj_genders.pkl"
        return {subject: text(gender).lower() for subject, gender in read_pickle(path).items()}


def load_frame(path: Path, count: int | None) -> CapeFrame:
    """One ``.npz`` of the release, with ``count`` vertices if that is given.

    Raises:
        InputError: it is damaged, lacks an array, or has other shapes.
    """
    arrays = read_npz(path, ("v_cano", "v_posed", "pose", "transl"), _REMEDY, 2**24)
    shapes = {"v_cano": (count, 3), "v_posed": (count, 3), "pose": (3 * _JOINTS,), "transl": (3,)}
    for name, shape in shapes.items():
        if name not in arrays:
            raise InputError(path, f"has no {name}", _REMEDY)
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(path, f"its {name} is not {shape} finite numbers but {array.shape} {array.dtype}", _REMEDY)
    if len(arrays["v_cano"]) != len(arrays["v_posed"]) or len(arrays["v_cano"]) == 0:
        raise InputError(path, "its v_cano and v_posed have different numbers of vertices", _REMEDY)
    translation = arrays["transl"].astype(np.float64)
    return CapeFrame(
        name=frame_name(path),
        unposed=arrays["v_cano"].astype(np.float64),
        posed=arrays["v_posed"].astype(np.float64) - translation,
        pose=arrays["pose"].astype(np.float64),
        translation=translation,
    )


def frame_name(path: Path) -> str:
    """Number of a frame: 000012 of ``shortlong_hips.000012.npz``."""
    parts = path.name.split(".")
    return parts[1] if len(parts) > 2 else parts[0]


def _subject(identity: str) -> str:
    return identity.rpartition("_")[0]


def _files(folder: Path, ending: str) -> list[Path]:
    found = [path for path in folder.glob(f"*{ending}") if path.is_file() and not path.name.startswith(".")]
    return sorted(found, key=natural_key)
