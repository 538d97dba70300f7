"""Recordings of the suite `scenes`, and which fitted subject of a scene is which."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.files import read_json
from engine.core.progress import Progress
from engine.sequences.truth import load_truth
from external.scenes.plan import ScenePlan
from external.scenes.recording import DESCRIPTION
from external.scenes.sets import load_scene_sets
from npm_studio.batch.running import run_tasks
from npm_studio.batch.scenes import scene_tasks
from npm_studio.batch.workers import Workers, every_core
from npm_studio.resources import scene_sets
from npm_studio.suites.recorded import Recorded
from npm_studio.suites.suite import Scenes, SettingName

COUNTS_FROM = 0.6
"""The part of the body that must project into the picture for a frame to count."""


def recorded_scenes(
    wanted: Scenes,
    names: Sequence[str],
    settings: Sequence[SettingName],
    work: Path,
    people: Path | None,
    workers: Workers,
    progress: Progress,
) -> Iterator[Recorded]:
    """Each of ``names`` in all ``settings``, recorded into ``work``.

    Args:
        people: who is in them, of `external.scenes.people.save_people`; None: the Anny model makes them

    Raises:
        InputError: a scene is not known or cannot be made, or somebody in it is not among the people.
        Cancelled: ``progress`` asked to stop.
        OSError: ``work`` cannot be written.
    """
    plans = plans_of(wanted.set, names)
    folders = {
        work / f"{name}.{setting}": replace(plan, noise=setting == "noisy")
        for setting in settings
        for name, plan in plans.items()
    }
    record_missing(folders, work, people, workers, progress)
    for name in names:
        recordings = {setting: work / f"{name}.{setting}" for setting in settings}
        first = next(iter(recordings.values()))
        about = read_json(first / DESCRIPTION)
        count = len(about["subjects"])
        places = [first / "truth"] if count == 1 else [first / "truth" / f"subject_{index}" for index in range(count)]
        truths = tuple(load_truth(place) for place in places)
        counts = tuple(
            {name: part >= COUNTS_FROM for name, part in zip(truth.meshes.frame_names, who["in_picture"], strict=True)}
            for truth, who in zip(truths, about["subjects"], strict=True)
        )
        noise = read_json(recordings["noisy"] / DESCRIPTION)["noise"] if "noisy" in recordings else {}
        yield Recorded(recordings, truths, counts, in_room=True, sensor_scale=float(noise.get("scale", 1.0)))


def plans_of(scene_set: str, names: Sequence[str] = ()) -> dict[str, ScenePlan]:
    """The scenes of a set by name; all of them where no names are stated.

    Raises:
        InputError: there is no such set or scene.
    """
    sets = load_scene_sets(scene_sets())
    if scene_set not in sets:
        raise InputError(scene_set, "there is no such set of scenes", f"choose from {', '.join(sets)}")
    plans = sets[scene_set]
    if unknown := [name for name in names if name not in plans]:
        raise InputError(unknown[0], f"is no scene of {scene_set}", f"choose from {', '.join(plans)}")
    return {name: plan for name, plan in plans.items() if not names or name in names}


def record_missing(
    folders: Mapping[Path, ScenePlan],
    work: Path,
    people: Path | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> None:
    """Make those scenes that are not in their folders yet.

    Args:
        work: folder of the records of what was done, see `npm_studio.batch.running.run_tasks`
        people: as in `recorded_scenes`
        workers: by default plain processes of this machine, one per core

    Raises:
        InputError: a scene cannot be made, the first of them; or as `npm_studio.batch.running.run_tasks` says.
        Cancelled: ``progress`` asked to stop; scenes that are complete stay.
        OSError: ``work`` cannot be written.
    """
    missing = {out: plan for out, plan in folders.items() if not (out / DESCRIPTION).is_file()}
    outcomes = run_tasks(scene_tasks(missing, people), work, workers or every_core(), progress) if missing else ()
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    if any(outcome.state == "open" for outcome in outcomes):
        raise Cancelled


def matched(surfaces_mm: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Runs and the subjects that they are of, such that the surfaces are nearest in all; of one run the nearest.

    Args:
        surfaces_mm: (R, S) mean distance of each run from each subject; a run that is left over is of none
    """
    from scipy.optimize import linear_sum_assignment

    return [(int(run), int(subject)) for run, subject in zip(*linear_sum_assignment(surfaces_mm), strict=True)]
