"""Many scenes at once, one in each of several processes."""

import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from engine.core.errors import Cancelled
from engine.core.process import one_thread_per_process
from engine.core.progress import Progress
from external.scenes.people import Cast, people_of
from external.scenes.plan import ScenePlan
from external.scenes.recording import record
from external.scenes.scene import Person, make_scene


def record_scenes(
    plans: Mapping[Path, ScenePlan],
    cast: Cast,
    device: str = "cpu",
    progress: Progress | None = None,
    workers: int | None = None,
) -> dict[Path, int]:
    """Make the scenes of ``plans`` and write each into its folder; frames by folder.

    Args:
        workers: processes; one per core by default.

    Raises:
        InputError: a scene cannot be made, or a folder is something else than a scene.
        Cancelled: ``progress`` asked to stop; scenes that are complete stay.
    """
    progress = progress or Progress()
    if len(plans) == 1 or workers == 1:
        return {out: _make(out, plan, people_of(plan, cast), device, progress) for out, plan in plans.items()}
    frames: dict[Path, int] = {}
    progress.stage("scenes", len(plans))
    with one_thread_per_process():
        count = min(workers or os.cpu_count() or 1, len(plans))
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _leave_interrupts_to_parent)
        try:
            tasks = {pool.submit(_make, out, plan, people_of(plan, cast), device): out for out, plan in plans.items()}
            for done in as_completed(tasks):
                frames[tasks[done]] = done.result()
                progress.advance(len(frames))
                if len(frames) < len(plans) and progress.cancelled():
                    raise Cancelled
        finally:
            pool.shutdown(cancel_futures=True)
    return frames


def _make(out: Path, plan: ScenePlan, people: Sequence[Person], device: str, progress: Progress | None = None) -> int:
    scene = make_scene(plan, people)
    record(scene, out, device, progress)
    return len(scene.times_s)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
