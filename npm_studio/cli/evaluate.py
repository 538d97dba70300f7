"""`npm-studio evaluate`: metrics of a run."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

if TYPE_CHECKING:
    from engine.evaluate.definitions import MetricDefinition
    from engine.evaluate.metrics import SequenceMetrics
    from engine.methods.measured_body import MeasuredBody


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder that `npm-studio fit` wrote")
    parser.add_argument(
        "--truth",
        type=Path,
        required=True,
        metavar="PATH",
        help="true meshes: a folder with a truth.json that says their unit, or mesh files of others (PLY, OBJ, STL, "
        "OFF, GLB): a folder with one for each frame, or a single one",
    )
    parser.add_argument(
        "--unit",
        choices=("m", "cm", "mm"),
        help="unit of such mesh files (default: what they say, else what makes them as large as the run)",
    )
    parser.add_argument(
        "--up",
        choices=("y", "z"),
        help="axis that points up in such mesh files (default: by which they lie where the run is)",
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DIR",
        help="the dataset that the truth was rendered from, for older truth without a truth.json",
    )
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.evaluate.metrics import evaluate_sequence
    from engine.evaluate.writing import CSV, JSON, write_metrics
    from engine.methods.evaluation import prediction_of
    from engine.methods.measured_body import measured_body
    from engine.methods.run import load_run
    from external.truth import open_stated_truth

    fitted = load_run(options.run_folder)
    prediction = prediction_of(fitted, options.truth)
    with ConsoleProgress() as progress:
        truth, origin = open_stated_truth(
            options.truth, fitted, prediction, progress, options.unit, options.up, options.dataset
        )
        metrics = evaluate_sequence(prediction, truth, seed=options.seed, progress=progress)
        for note in (origin, prediction.note, *_notes(metrics)):
            if note:
                progress.message(note)
    write_metrics(metrics, options.run_folder)
    body = measured_body(fitted)
    if not options.json:
        _print(metrics)
        _print_body(body)
    return {
        **metrics.summary(),
        "frames": len(metrics.frame_names),
        "body": body.as_dict(),
        "metrics": str(options.run_folder / JSON),
        "table": str(options.run_folder / CSV),
    }


def _notes(metrics: "SequenceMetrics") -> list[str]:
    """How many frames have failed, and what was not compared."""
    from engine.evaluate.metrics import FAILED_CHAMFER_L2

    notes = []
    if metrics.similarity is not None:
        count = len(metrics.frame_names)
        failed = round(metrics.failed_frames * count)
        text = f"{failed} of {count} frames have failed (canonical Chamfer-l2 over {FAILED_CHAMFER_L2:g})"
        notes.append(text if failed == 0 else f"warning: {text}")
    if metrics.joined.by == "time":
        notes.append("no frame has the same name in both: frames were joined by their times")
    for names, what in (
        (metrics.joined.only_first, "frames of the run have no truth"),
        (metrics.joined.only_second, "frames of the truth are not in the run"),
    ):
        if names:
            notes.append(f"{len(names)} {what}, the first is {names[0]}")
    return notes


def _print(metrics: "SequenceMetrics") -> None:
    from engine.evaluate.definitions import CANONICAL_METRICS, METRICS

    for metric in METRICS:
        print(_line(metric, metrics))
    if metrics.similarity is None:
        print("no canonical metrics: neither truth nor run names a similarity")
        return
    print(f"in canonical units, {metrics.named_similarity}:")
    for metric in CANONICAL_METRICS:
        print(_line(metric, metrics))


def _line(metric: "MetricDefinition", metrics: "SequenceMetrics") -> str:
    value = metrics.summary()[metric.name]
    if value is None:
        return f"{metric.title:24s} not defined: {metrics.undefined.get(metric.name, 'no frame has it')}"
    return f"{metric.title:24s} {value:.6g} {metric.unit}".removesuffix(" 1")


def _print_body(body: "MeasuredBody") -> None:
    from npm_studio.reports.body_table import body_rows

    print("the body, upright: value and standard error" if body.values else f"no body measurements: {body.note}")
    for title, value in body_rows(body):
        print(f"{title:24s} {value}")
    if body.values and body.note:
        print(body.note)
