"""Fits as tasks: from a row of a manifest to a run, which is evaluated where its truth is stated."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core.errors import Notice
from engine.core.progress import Progress
from npm_studio.batch.manifest import FitRow, path_options
from npm_studio.batch.task import BatchTask
from npm_studio.batch.words import manifest_words
from npm_studio.resources import built_in_models

if TYPE_CHECKING:
    from engine.methods.method import LoadedModel
    from engine.methods.run import Run

_OPTION, _VIEW = "option_", "view_"
"""What names of inputs begin with."""


def fit_tasks(rows: Iterable[FitRow], folder: Path) -> tuple[BatchTask, ...]:
    """A task for each row, whose run goes to a folder of its name in ``folder``."""
    return tuple(_task(each, folder.resolve()) for each in rows)


def _task(each: FitRow, folder: Path) -> BatchTask:
    row, takes_model = each.row, each.method.requires.takes_model(bool(each.row.template))
    built_in = takes_model and row.model in built_in_models() and not each.path(row.model).exists()
    options = path_options(each)
    inputs: dict[str, Path | None] = {
        "sequence": each.path(row.sequence),
        "truth": each.path(row.truth) if row.truth else None,
        "template": each.path(row.template) if row.template else None,
        "masks": each.path(row.masks) if row.masks else None,
        "model": each.path(row.model) if takes_model and not built_in else None,
        "intrinsics": each.path(row.intrinsics) if row.intrinsics and each.path(row.intrinsics).is_file() else None,
        **{f"{_VIEW}{index:03d}": each.path(view) for index, view in enumerate(row.views)},
        **{f"{_OPTION}{name}": path for name, path in options.items()},
    }
    capture = {
        "depth_scale": row.depth_scale,
        "intrinsics": row.intrinsics if inputs["intrinsics"] is None else None,
        "stream": row.stream,
        "near_m": row.near,
        "far_m": row.far,
        "remove_planes": row.remove_planes,
        "largest_component": row.remove_planes,
        "subject": row.subject,
    }
    config = each.config.model_dump(mode="json")
    arguments: dict[str, Any] = {
        "method": each.method.id,
        "config": {name: value for name, value in config.items() if name not in options},
        "built_in_model": row.model if built_in else None,
        "capture": {name: value for name, value in capture.items() if value},
        "seed": row.seed,
        "fill_lost": row.fill_lost,
    }
    given = {name: path for name, path in inputs.items() if path is not None}
    return BatchTask(each.name, folder / each.name, fit, arguments, given)


def fit(
    out: Path,
    sequence: Path,
    method: str,
    config: Mapping[str, Any],
    built_in_model: str | None,
    capture: Mapping[str, Any],
    seed: int,
    fill_lost: bool,
    model: Path | None = None,
    template: Path | None = None,
    truth: Path | None = None,
    masks: Path | None = None,
    intrinsics: Path | None = None,
    **further: Path,
) -> dict[str, Any]:
    """Fit ``sequence`` and write the run to ``out``; what is said of it, and of its evaluation against ``truth``.

    Args:
        further: ``view_N``, recordings of other cameras, and ``option_NAME``, fields of ``config`` that are paths

    Raises:
        InputError: something cannot be used, or the device has not enough memory.
    """
    from engine.core.config import read_config
    from engine.geometry.mesh import load_mesh
    from engine.methods.job import run_fit
    from engine.methods.method import load_method
    from engine.methods.request import FitRequest
    from engine.methods.run_summary import lost_rows, mean_distance_mm
    from engine.sequences.capture_options import CaptureOptions
    from external.opening import open_to_fit

    paths = {"masks": masks, "intrinsics": intrinsics}
    stated = {**capture, **{name: str(path) for name, path in paths.items() if path is not None}}
    options = {name.removeprefix(_OPTION): str(path) for name, path in further.items() if name.startswith(_OPTION)}
    views = [path for name, path in sorted(further.items()) if name.startswith(_VIEW)]
    chosen, opened_as = load_method(method), CaptureOptions.from_dict(stated)
    folder = built_in_models()[built_in_model] if built_in_model else model
    loaded = None if folder is None else _loaded(folder, (folder / "model.json").stat().st_mtime_ns)
    notes = _Notes()
    opened = open_to_fit(sequence, None if loaded is None else loaded.model, opened_as, views, notes)
    notes.lines += [warning.line(manifest_words) for warning in opened.warnings]
    request = FitRequest(
        chosen,
        read_config(chosen.config_type, {**config, **options}),
        opened,
        out,
        loaded,
        None if template is None else load_mesh(template),
        seed=seed,
        fill_lost=fill_lost,
        capture=opened_as,
    )
    run = run_fit(request, notes)
    mean_mm = mean_distance_mm(run)
    return {
        "verdict": run.verdict,
        "reason": run.reason,
        "frames": len(run.frames),
        "lost_frames": len(lost_rows(run)),
        "mean_distance_mm": None if mean_mm is None else round(mean_mm, 3),
        "origin": opened.origin,
        "notes": notes.lines,
        "metrics": None if truth is None else _evaluate(run, truth, notes),
    }


class _Notes(Progress):
    """Keeps what a user should know of a fit."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def notice(self, notice: Notice) -> None:
        self.lines.append(notice.line(manifest_words))


@lru_cache(maxsize=1)  # rows with one model mostly follow each other
def _loaded(folder: Path, changed: int) -> "LoadedModel":
    """The model in ``folder``, where its description was last changed at ``changed``, on the device of this process."""
    from engine.core.devices import resolve_device
    from engine.methods.method import LoadedModel
    from engine.models.checkpoint import load_model

    return LoadedModel(folder, load_model(folder, resolve_device()))


def _evaluate(run: "Run", truth: Path, notes: _Notes) -> dict[str, Any]:
    from engine.evaluate.metrics import evaluate_sequence
    from engine.evaluate.writing import write_metrics
    from engine.methods.evaluation import prediction_of
    from external.truth import open_stated_truth

    prediction = prediction_of(run, truth)
    opened, origin = open_stated_truth(truth, run, prediction, notes)
    notes.lines += [line for line in (origin, prediction.note) if line]
    metrics = evaluate_sequence(prediction, opened, progress=notes)
    write_metrics(metrics, run.folder)
    return metrics.summary()
