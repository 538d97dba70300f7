"""Several calibrated cameras of one scene: opened, brought to the same moments, and into the world of a model.

The recordings state the poses of their cameras in one world, and their time stamps are of one clock. A folder with
``views.json``, ``{"views": ["front", "left", ...]}``, names recordings that lie in it; the first one leads.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Setting, remedy
from engine.core.files import read_json
from engine.core.progress import Progress
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import isolate
from engine.sequences.opening import open_recording, subject_of
from engine.sequences.placement import move_world
from engine.sequences.reader import Readers

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

LIST = "views.json"
_LIST_REMEDY = 'write {"views": ["front", "left"]}, names of recordings in the same folder'
_CALIBRATE = "calibrate the cameras, and state camera_to_world of each in one world"
_STEP_S = 1e-6


def listed_views(folder: Path) -> tuple[Path, ...]:
    """The recordings that ``folder`` names in its `LIST`; none where it has no such file.

    Raises:
        InputError: the file names none, or is damaged.
    """
    source = folder / LIST
    if not source.is_file():
        return ()
    content = read_json(source, _LIST_REMEDY)
    names = content.get("views") if isinstance(content, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(source, "does not name recordings", _LIST_REMEDY)
    return tuple(folder / name for name in names)


def open_views(
    paths: Sequence[Path],
    readers: Readers,
    options: CaptureOptions,
    model: "NeuralParametricModel | None",
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of the first of ``paths``, and what the cameras of the others saw at the same moments.

    Frames of two cameras go together where their time stamps differ by no more than half of the usual interval; a frame
    that some camera lacks is left out, which is said. All are brought into the world in which `open_subject` puts the
    first one.

    Raises:
        InputError: a recording cannot be opened, states no poses of its camera, or shares no moment with the first one.
        Cancelled: ``progress`` asked to stop.
    """
    if options.subject is not None:
        problem = "each of several cameras may count subjects in another order"
        raise InputError(Setting.SUBJECT, problem, remedy("isolate the subject with {}", Setting.MASKS))
    scenes = _calibrated([open_recording(path, readers, options, progress) for path in paths])
    first, chosen = scenes[0], _together(scenes)
    said = _left_out(scenes, chosen)
    scenes = [
        replace(scene.subset(frames), frame_names=_names(first, chosen[0]), times_s=first.times_s[chosen[0]])
        for scene, frames in zip(scenes, chosen, strict=True)
    ]
    subject = subject_of(scenes[0], options, model, progress)
    kept = [scenes[0].frame_names.index(name) for name in subject.frame_names]  # isolation may leave some out
    motion = subject.camera_at(0) @ np.linalg.inv(scenes[0].camera_at(kept[0]))
    others = [_isolated(scene, kept, options, progress) for scene in scenes[1:]]
    return replace(
        subject,
        others=tuple(replace(move_world(other, motion), world=subject.world) for other in others),
        origin=f"{subject.origin}; with {len(others)} other cameras",
        warnings=(*subject.warnings, *said, *(warning for other in others for warning in other.warnings)),
    )


def _calibrated(scenes: Sequence[DepthSequence]) -> list[DepthSequence]:
    """``scenes`` with poses of all cameras. One camera may be what the world is measured from.

    Raises:
        InputError: several say nothing, or they are of different kinds of worlds.
    """
    silent = [scene for scene in scenes if scene.cameras_to_world is None]
    if len(silent) > 1 or len(silent) == len(scenes):
        raise InputError(silent[-1].root, "does not state where its camera is among the others", _CALIBRATE)
    worlds = {scene.world for scene in scenes if scene.cameras_to_world is not None}
    if len(worlds) > 1:
        raise InputError(scenes[-1].root, "states another kind of world than the other cameras", _CALIBRATE)
    (world,) = worlds
    origin = [
        replace(scene, cameras_to_world=np.tile(np.eye(4), (len(scene), 1, 1)), world=world)
        if scene.cameras_to_world is None
        else scene
        for scene in scenes
    ]
    return origin


def _together(scenes: Sequence[DepthSequence]) -> list[list[int]]:
    """Of each of ``scenes`` the frames that were taken together, as many of all.

    Raises:
        InputError: there are none.
    """
    first = scenes[0]
    half_s = 0.5 / first.frame_rate + _STEP_S
    nearest, near = [], np.ones(len(first), bool)
    for scene in scenes:
        apart = np.abs(first.times_s[:, None] - scene.times_s)
        nearest.append(apart.argmin(1))
        near &= apart.min(1) <= half_s
        if not near.any():
            gap = float(apart.min())
            problem = f"has no frame at the time of one of {first.root}: the nearest are {gap:.3g} s apart"
            raise InputError(scene.root, problem, "bring the time stamps of all cameras to one clock")
    return [frames[near].tolist() for frames in nearest]


def _left_out(scenes: Sequence[DepthSequence], chosen: Sequence[Sequence[int]]) -> list[Notice]:
    """What is said of the frames that are not ``chosen``, and of moments that nobody stated."""
    said, count = [], len(chosen[0])
    if any(len(scene) != count for scene in scenes):
        of_each = ", ".join(f"{count} of {len(scene)}" for scene in scenes)
        said.append(Notice(f"frames that all cameras took together: {of_each}; others are left out"))
    if any(scene.times_assumed for scene in scenes):
        said.append(Notice("cameras without time stamps: their frames are taken to go together by their numbers"))
    return said


def _names(first: DepthSequence, chosen: Sequence[int]) -> tuple[str, ...]:
    return tuple(first.frame_names[index] for index in chosen)


def _isolated(
    scene: DepthSequence, kept: Sequence[int], options: CaptureOptions, progress: Progress | None
) -> DepthSequence:
    """What of ``scene`` may be the subject in the frames ``kept``; nothing where isolation has left nothing."""
    found = isolate(scene, options.isolation, progress)
    rows = {name: row for row, name in enumerate(found.frame_names)}
    names = [scene.frame_names[index] for index in kept]
    if all(name in rows for name in names):
        return found.subset([rows[name] for name in names])
    whole = scene.subset(kept)
    nothing = np.zeros((scene.camera.height, scene.camera.width), np.float32)

    def read(index: int) -> NDArray[np.float32]:
        row = rows.get(names[index])
        return nothing if row is None else found.read_frame(row)

    return replace(whole, read_frame=read, scene=whole, warnings=found.warnings)
