"""Cases on disk: a recording in each setting, and its truth.

<setting>/          depth/ and intrinsics.json, see `engine.sequences.depth_sequence`; ``clean`` and ``noisy``
truth/              see `engine.sequences.truth`, for all settings; of several subjects ``truth/subject_0``, ...
case.json           what it was made from, and of each subject in which frames enough of it is in the picture to count
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from engine.core.errors import InputError
from engine.core.files import read_json, replacing_folder, write_json
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.truth import Truth, load_truth, save_metric_truth
from npm_studio.suites.suite import CasePlan, SettingName, Suite, made_from

DESCRIPTION = "case.json"
_GRID_PER_M = 2.0**13
"""Truth is rounded to an eighth of a millimetre, which halves its files."""
_AGAIN = "remove it, and it is made again; or name another folder"


class CaseFile(BaseModel):
    """``case.json``"""

    version: Literal[1]
    made_from: dict[str, Any]
    counts: Annotated[list[dict[str, bool]], Field(min_length=1)]
    """Of each subject, by the name of a frame."""
    in_room: bool
    """Whether the subject has to be told from what is around it."""
    sensor_scale: float = 1.0
    """Measured over true depth of the noisy recording."""


@dataclass(frozen=True, eq=False)
class Case:
    """One case that is there."""

    folder: Path
    file: CaseFile

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def subjects(self) -> int:
        return len(self.file.counts)

    def recording(self, setting: str) -> Path:
        return self.folder / setting

    def truth_folder(self, subject: int) -> Path:
        whole = self.folder / "truth"
        return whole if self.subjects == 1 else whole / f"subject_{subject}"

    def counts(self, subject: int, names: Sequence[str]) -> NDArray[np.bool_]:
        """(F,) whether enough of a subject is in the picture in the frames of these names."""
        return np.array([self.file.counts[subject].get(name, False) for name in names])

    def sensor_scale(self, setting: str) -> float:
        """Measured over true depth."""
        return self.file.sensor_scale if setting == "noisy" else 1.0


def load_case(folder: Path) -> Case:
    """The case in ``folder``.

    Raises:
        InputError: there is none, or it is damaged.
    """
    source = folder / DESCRIPTION
    try:
        return Case(folder, CaseFile.model_validate(read_json(source, _AGAIN)))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(source, f"does not describe a case ({place}: {first['msg']})", _AGAIN) from None


def is_there(folder: Path, suite: Suite, plan: CasePlan) -> bool:
    """Whether the case of ``plan`` is in ``folder``, with all settings.

    Raises:
        InputError: something else is there.
    """
    if not folder.exists():
        return False
    case = load_case(folder)
    if case.file.made_from != dict(made_from(suite, plan)):
        raise InputError(folder, "was made from another description of its suite", _AGAIN)
    for setting in suite.settings:
        if not (case.recording(setting) / "intrinsics.json").is_file():
            raise InputError(folder, f"has no {setting} recording", _AGAIN)
    return True


def write_case(
    folder: Path,
    recordings: Mapping[SettingName, Path],
    truths: Sequence[Truth],
    file: CaseFile,
    rows: Sequence[int] | None = None,
) -> None:
    """Write a case into ``folder``.

    Args:
        recordings: folders of depth sequences that are copied, by setting
        rows: which frames of all of it; all when absent
    """
    with replacing_folder(folder) as temporary:
        for setting, recording in recordings.items():
            _copy_recording(recording, temporary / setting, rows)
        for subject, truth in enumerate(truths):
            place = temporary / "truth" if len(truths) == 1 else temporary / "truth" / f"subject_{subject}"
            place.mkdir(parents=True)
            save_metric_truth(place, _rounded(truth, rows))
        write_json(temporary / DESCRIPTION, file.model_dump(mode="json"))


def write_subset(folder: Path, whole: Case, suite: Suite, plan: CasePlan) -> None:
    """Write some frames of the case ``whole`` as the case of ``plan``.

    Raises:
        InputError: it has not as many.
    """
    assert plan.frames is not None
    count, every = plan.frames
    truths = [load_truth(whole.truth_folder(subject)) for subject in range(whole.subjects)]
    rows = range(0, count * every, every)
    if rows[-1] >= len(truths[0].meshes):
        problem = f"has {len(truths[0].meshes)} frames, too few for {count} that are {every} apart"
        raise InputError(whole.folder, problem, "change the subset of the suite")
    names = [truths[0].meshes.frame_names[row] for row in rows]
    counts = [{name: known[name] for name in names} for known in whole.file.counts]
    file = whole.file.model_copy(update={"made_from": dict(made_from(suite, plan)), "counts": counts})
    recordings = {setting: whole.recording(setting) for setting in suite.settings}
    write_case(folder, recordings, truths, file, rows)


def _copy_recording(source: Path, out: Path, rows: Sequence[int] | None) -> None:
    """A depth sequence folder as it is, or some of its frames."""
    (out / "depth").mkdir(parents=True)
    sequence, description = load_depth_sequence(source), read_json(source / "intrinsics.json")
    chosen = range(len(sequence)) if rows is None else rows
    for row in chosen:
        name = f"{sequence.frame_names[row]}.png"
        shutil.copyfile(source / "depth" / name, out / "depth" / name)
    if rows is not None:
        description["times_s"] = [float(sequence.times_s[row]) for row in chosen]
        poses = description.get("camera_to_world")
        if poses is not None and np.ndim(poses) == 3:
            description["camera_to_world"] = [poses[row] for row in chosen]
    write_json(out / "intrinsics.json", description)


def _rounded(truth: Truth, rows: Sequence[int] | None) -> Truth:
    meshes = truth.meshes if rows is None else truth.meshes.select(rows)

    def change(index: int, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        return (np.rint(vertices * np.float32(_GRID_PER_M)) / np.float32(_GRID_PER_M)).astype(np.float32)

    canonical = None if truth.canonical is None else np.rint(truth.canonical * _GRID_PER_M) / _GRID_PER_M
    return replace(truth, meshes=meshes.map(change), canonical=canonical)
