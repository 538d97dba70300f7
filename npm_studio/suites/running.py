"""A suite from its cases to measured cells, as tasks that a later start does not do again.

``fits/<case>.<setting>.<contender>/`` and ``measures/<case>.<setting>.<contender>.json``. Once a fit is measured its
folder may go: a cell is done when its measures are there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from engine.core.errors import InputError
from engine.core.files import read_json
from engine.core.progress import Progress
from npm_studio.batch.record import find_record
from npm_studio.batch.running import run_tasks
from npm_studio.batch.task import BatchTask, TaskOutcome
from npm_studio.batch.workers import Workers, cores, every_core
from npm_studio.suites.cases import Case
from npm_studio.suites.cells import fit_cell
from npm_studio.suites.contender import Contender
from npm_studio.suites.measuring import measure_cell
from npm_studio.suites.suite import CasePlan, Suite

_MEASURE = "measure "
NOT_MEASURED = "not measured yet"
"""Of a cell that was not begun, or not finished, when the end was asked for."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What is measured on the cases of a suite."""

    suite: Suite
    name: str
    """Of the suite"""
    plans: tuple[CasePlan, ...]
    contenders: tuple[Contender, ...]
    model: Path
    out: Path
    frames: int | None = None
    """The first of each case; all when absent."""
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Cell:
    """One contender on one case in one setting."""

    case: CasePlan
    setting: str
    contender: str
    measures: Mapping[str, Any] | None = None
    """See `npm_studio.suites.measuring.measure_cell`; None where there are none."""
    reason: str = ""
    """Why."""


def run_suite(
    benchmark: Benchmark, cases: Mapping[str, Case], workers: Workers, progress: Progress | None = None
) -> tuple[Cell, ...]:
    """Fit and measure what is not there yet; all cells, also those that have failed or were not begun.

    Raises:
        InputError, OSError: as `npm_studio.batch.running.run_tasks` says.
    """
    progress, out = progress or Progress(), benchmark.out.resolve()
    cells = list(cells_of(benchmark))
    fits = [_fit_task(benchmark, cases, cell, out) for cell in cells]
    measures = [_measure_task(benchmark, fit) for fit in fits]
    left = [not _is_kept(measure, out) for measure in measures]
    fitted = {each.task.name: each for each in run_tasks(list(compress(fits, left)), out, workers, progress)}
    ready = [
        measure
        for fit, measure in zip(fits, measures, strict=True)
        if fit.name not in fitted or fitted[fit.name].state in ("done", "kept")
    ]
    measured = {each.task.name: each for each in run_tasks(ready, out, without_gpu(workers), progress)}
    return tuple(
        _looked_up(cell, measured.get(measure.name) or fitted[fit.name])
        for cell, fit, measure in zip(cells, fits, measures, strict=True)
    )


def cells_of(benchmark: Benchmark) -> Iterator[Cell]:
    """All contenders on the subset, those that the suite names on whole recordings, too.

    What is opened of a case is the same for all contenders, which follow each other.
    """
    suite = benchmark.suite
    for plan in benchmark.plans:
        for setting in suite.settings:
            for contender in benchmark.contenders:
                if plan.is_subset or contender.text in suite.on_all_cases:
                    yield Cell(plan, setting, contender.text)


def _name(cell: Cell) -> str:
    slug = Contender(cell.contender, "").slug
    return f"{cell.case.name}.{cell.setting}.{slug}"


def _fit_task(benchmark: Benchmark, cases: Mapping[str, Case], cell: Cell, out: Path) -> BatchTask:
    name = _name(cell)
    arguments = {
        "setting": cell.setting,
        "contender": cell.contender,
        "frames": benchmark.frames,
        "seed": benchmark.seed,
        "device": benchmark.device,
    }
    inputs = {"case": cases[cell.case.name].folder.resolve(), "model": benchmark.model.resolve()}
    return BatchTask(f"fit {name}", out / "fits" / name, fit_cell, arguments, inputs)


def _measure_task(benchmark: Benchmark, fit: BatchTask) -> BatchTask:
    suite, name = benchmark.suite, fit.out.name
    arguments = {
        "fit": f"{fit.out.parent.name}/{name}",
        "fitted": dict(fit.arguments),
        "samples": suite.samples,
        "iou_points": suite.iou_points,
        "seed": benchmark.seed,
    }
    place = fit.out.parents[1] / "measures" / f"{name}.json"
    return BatchTask(f"{_MEASURE}{name}", place, measure_cell, arguments, fit.inputs)


def _is_kept(task: BatchTask, out: Path) -> bool:
    """Whether an earlier start has done it."""
    try:
        return find_record(task, out)[0] is not None
    except InputError:  # which is told when it is begun
        return False


def without_gpu(workers: Workers) -> Workers:
    """For what takes cores and no GPU, and nobody times, such as measuring."""
    if workers.without_dask:
        return every_core()
    return Workers(workers.scheduler, workers.count or max(1, cores() // 2))


def _looked_up(cell: Cell, last: TaskOutcome) -> Cell:
    """``cell`` with what came of it in the end."""
    if last.error is not None:
        return replace(cell, reason=last.error.line())
    if last.state == "open" or not last.task.name.startswith(_MEASURE):
        return replace(cell, reason=NOT_MEASURED)
    try:
        found: Mapping[str, Any] = read_json(last.task.out)
    except InputError as error:
        return replace(cell, reason=error.line())
    return replace(cell, measures=found)
