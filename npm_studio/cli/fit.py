"""`npm-studio fit`: a method to a depth sequence."""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.capture_options import add_capture_options, stated
from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_model, add_seed, interrupted
from npm_studio.cli.method_fields import add_method_fields, stated_fields
from npm_studio.cli.words import words

if TYPE_CHECKING:
    from engine.methods.run import Run
    from engine.models.model import NeuralParametricModel
    from engine.sequences.capture_options import CaptureOptions
    from engine.sequences.depth_sequence import DepthSequence

ALL = "all"
"""Subjects, each with a run of its own."""


def configure(parser: argparse.ArgumentParser) -> None:
    from engine.methods.method import DEFAULT, method_names

    parser.add_argument(
        "sequence", type=Path, metavar="SEQUENCE", help="depth sequence folder or depth recording, see `capture info`;"
        " or a mesh or point cloud of all sides, in any unit and any axes"
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument(
        "--method", default=DEFAULT, metavar="NAME", help=f"{', '.join(method_names())} (default: {DEFAULT}); see below"
    )
    parser.add_argument(
        "--views", type=Path, nargs="+", default=[], metavar="SEQUENCE", help="recordings of the same scene by other"
        " cameras, whose poses are stated in one world; or SEQUENCE is a folder with views.json that names all"
    )  # fmt: skip
    parser.add_argument(
        "--refit", type=Path, metavar="RUN", help="run of SEQUENCE of which the frames of --range alone are fitted"
        " again, begun between their neighbours; all else stays as it is"
    )  # fmt: skip
    parser.add_argument(
        "--range", metavar="A:B", help="first and last of these frames, by name or number from 0; or one of them"
    )
    add_model(parser)
    parser.add_argument("--template", type=Path, metavar="FILE", help="mesh for methods that need one, metres")
    parser.add_argument(
        "--fill-lost", action="store_true", help="interpolate the meshes of lost frames between their neighbours"
    )
    group = add_capture_options(parser)
    group.add_argument(
        "--subject",
        type=_subject,
        metavar="largest|all|N",
        help="which of several that the model finds: the one that shows most at first (default), all, each with a run"
        " RUN-1, RUN-2, ..., or the Nth, counted from the largest",
    )
    add_device(parser)
    add_seed(parser)
    add_json(parser)
    add_method_fields(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.config import read_config, set_fields
    from engine.methods.method import LoadedModel, load_method

    method = load_method(options.method)
    values: dict[str, Any] = {}
    set_fields(values, stated_fields(options))
    config = read_config(method.config_type, values)

    from engine.core.devices import resolve_device
    from engine.core.errors import InputError

    if (options.refit is None) != (options.range is None):
        raise InputError("--refit and --range", "belong together", "state which frames of which run")
    from engine.methods.request import FitRequest, check_out
    from engine.models.checkpoint import load_model

    if options.subject != ALL:
        check_out(options.out)
    with ConsoleProgress() as progress, ThreadPoolExecutor(1) as worker:
        needs, loading = method.requires, None
        if needs.takes_model(options.template is not None):
            loading = worker.submit(lambda: load_model(options.model, resolve_device(options.device)))

        from engine.geometry.mesh import load_mesh  # while the GPU starts, which takes as long
        from engine.methods.job import run_fit
        from engine.methods.refitting import as_fitted, refit_of
        from engine.methods.run import load_run

        loaded = None if loading is None else LoadedModel(options.model, loading.result())
        warm_up = getattr(method, "warm_up", None)
        if loaded is not None and warm_up is not None:
            worker.submit(warm_up, loaded.model)  # while the recording is opened and read
        template = None if options.template is None else load_mesh(options.template)
        refit = None if options.refit is None else refit_of(load_run(options.refit), options.range)
        earlier = None if refit is None else refit.run
        opened = list(_opened(options, None if loaded is None else loaded.model, progress, earlier))
        for _, _, out in opened:
            check_out(out)
        runs: list[Run] = []
        for sequence, capture, out in opened:
            sequence = sequence if refit is None else as_fitted(sequence, refit.run)
            for warning in sequence.warnings:
                progress.message(f"warning: {warning.line(words)}")
            request = FitRequest(
                method, config, sequence, out, loaded, template, seed=options.seed, device=options.device,
                fill_lost=options.fill_lost, capture=capture, refit=refit,
            )  # fmt: skip
            runs.append(run_fit(request, progress))
            progress.message(f"{options.sequence}: {sequence.origin}")
            for line in lines(runs[-1]):
                progress.message(line)
            if runs[-1].interrupted:
                break
    results = {"runs": [summary(each) for each in runs]} if options.subject == ALL else summary(runs[0])
    failed = next((each for each in runs if each.verdict == "failed"), None)
    if failed is not None and not interrupted():
        if options.json:
            print(json.dumps(results))
        raise InputError(failed.folder, f"the fit has failed: {failed.reason}", "the run is kept, look at it")
    return results


def _opened(
    options: argparse.Namespace,
    model: "NeuralParametricModel | None",
    progress: ConsoleProgress,
    earlier: "Run | None",
) -> "Iterator[tuple[DepthSequence, CaptureOptions, Path]]":
    """What is fitted, how it was opened, and where its run goes; as that ``earlier`` was, where nothing is stated."""
    from engine.sequences.capture_options import AS_RECORDED
    from engine.sequences.opening import open_subjects
    from engine.sequences.reader import registered_readers
    from external.opening import open_to_fit, recordings_of
    from external.scans import scan_of

    path, *others = recordings_of(options.sequence, options.views)
    capture = stated(options) or (AS_RECORDED if earlier is None else earlier.inputs.capture)
    each = options.subject == ALL and not others and (model is None or bool(capture) or scan_of(path) is None)
    if not each:
        wanted = (1 if others else None) if options.subject == ALL else options.subject
        capture = replace(capture, subject=wanted or capture.subject)
        yield open_to_fit(options.sequence, model, capture, options.views, progress), capture, options.out
        return
    readers = registered_readers()
    sequences = open_subjects(path, readers, capture, model, progress)
    outs = [options.out.with_name(f"{options.out.name}-{number}") for number in range(1, len(sequences) + 1)]
    found = "1 subject was found, its run is" if len(outs) == 1 else f"{len(outs)} subjects were found, their runs are"
    progress.message(f"{path}: {found} {', '.join(map(str, outs))}")
    for number, (sequence, out) in enumerate(zip(sequences, outs, strict=True), 1):
        yield sequence, replace(capture, subject=number), out


def _subject(text: str) -> int | str:
    if text == ALL:
        return ALL
    if text == "largest":
        return 1
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1000):
        raise argparse.ArgumentTypeError(f"{text} is not largest, all or a number from 1")
    return int(text)


def lines(run: "Run") -> Iterator[str]:
    """What a user wants to know of a run."""
    from engine.methods.run_summary import lost_text, mean_distance_mm, refit_text, scan_text, shape_text, side_text

    kept = " (ended early: the best so far)" if run.interrupted else ""
    yield f"{run.folder}: {len(run.frames)} frames in {run.seconds:.1f} s{kept}"
    mean_mm = mean_distance_mm(run)
    if scan := scan_text(run):
        yield scan
    elif mean_mm is not None:
        yield f"mean distance of what was seen to the fit: {mean_mm:.3g} mm"
    if refit := refit_text(run):
        yield refit
    elif shape := shape_text(run):
        yield shape
    if side := side_text(run):
        yield side
    if lost := lost_text(run):
        yield lost
    if run.verdict != "failed" or interrupted():  # else it is the error
        yield f"verdict: {run.verdict}: {run.reason}"


def summary(run: "Run") -> dict[str, Any]:
    """What is known of a run, null where nothing is."""
    from engine.methods.run_summary import lost_rows, mean_distance_mm, side_facts

    mean_mm, side = mean_distance_mm(run), side_facts(run)
    return {
        "run": str(run.folder),
        "method": run.method,
        "frames": len(run.frames),
        "seconds": round(run.seconds, 2),
        "interrupted": run.interrupted,
        "verdict": run.verdict,
        "reason": run.reason,
        "mean_distance_mm": None if mean_mm is None else round(mean_mm, 3),
        "side": side["word"],
        "side_fitted": side["fitted"],
        "side_how": side["how"],
        "lost_frames": len(lost_rows(run)),
        "per_frame": [
            {
                "name": frame.name,
                "mean_distance_mm": frame.mean_distance_mm,
                "confidence": frame.confidence,
                "lost": frame.lost,
                "filled": frame.filled,
            }
            for frame in run.frames
        ],
    }
