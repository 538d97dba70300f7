"""Scenes as tasks: from a plan to a recording with its truth."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core.progress import Progress
from external.scenes.plan import ScenePlan, checked_plan
from npm_studio.batch.task import BatchTask

if TYPE_CHECKING:
    from external.scenes.people import Cast


def scene_tasks(
    plans: Mapping[Path, ScenePlan], people: Path | None = None, device: str = "cpu"
) -> tuple[BatchTask, ...]:
    """A task for each of ``plans``, by the folders that the scenes are written to, whose names differ.

    Args:
        people: who is in them, of `external.scenes.people.save_people`; None: the Anny model makes them
        device: that renders
    """
    return tuple(_task(out, plan, people, device) for out, plan in plans.items())


def _task(out: Path, plan: ScenePlan, people: Path | None, device: str) -> BatchTask:
    inputs = {} if people is None else {"people": people.resolve()}
    if plan.is_captured:  # which counts by its content, wherever it is
        inputs["motion"] = Path(plan.motion).resolve()
        plan = replace(plan, motion=inputs["motion"].name)
    return BatchTask(out.name, out.resolve(), make_recording, {"plan": asdict(plan), "device": device}, inputs)


def make_recording(
    out: Path,
    plan: Mapping[str, Any],
    device: str,
    people: Path | None = None,
    motion: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the scene of ``plan`` to ``out``; how many frames it has.

    Args:
        people: as `scene_tasks` says
        motion: the file of a captured motion, wherever it is now

    Raises:
        InputError: the scene cannot be made, or ``out`` is something else than a scene.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    from external.scenes.people import people_of
    from external.scenes.recording import record
    from external.scenes.scene import make_scene

    checked = checked_plan(plan)
    if motion is not None:
        checked = replace(checked, motion=str(motion))
    scene = make_scene(checked, people_of(checked, _cast(people)))
    record(scene, out, device, progress)
    return {"frames": len(scene.times_s)}


@lru_cache(maxsize=1)
def _cast(people: Path | None) -> "Cast":
    """What is loaded once in a process."""
    from external.scenes.people import anny_casting, stored_casting

    return anny_casting() if people is None else stored_casting(people)
