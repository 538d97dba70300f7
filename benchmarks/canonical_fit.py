"""The canonical benchmark of fits: unseen bodies in unseen motions, one camera in front, no noise.

    python benchmarks/canonical_fit.py [--models anny-full anny-compact] [--seeds 1234 N] [--old FOLDER] [--json FILE]
    python benchmarks/canonical_fit.py --hands --models hand-compact

Of each seed 8 bodies, 3 of them children, are generated in 60 frames each of a motion that no training has seen,
rendered, opened and fitted as `npm-studio fit` does, by each model, and compared with the truth in canonical units.
With --hands they are hands, and the camera is turned away from the front by up to 60 degrees; whether their side is
told right is measured by benchmarks/hand_sides.py.

- IoU, Chamfer-l2 and EPE as docs/conventions.md defines them, means over the frames and then over the sequences;
- failed: frames whose Chamfer-l2 is above 0.05e-3, which has lost at least a limb, or that have no mesh;
- seconds: from opening the sequence to the run on disk with its meshes; the first fit of a process compiles, too;
- the first model less each other one, with the 95 % interval of a bootstrap over sequences and their frames, paired.

--old FOLDER is a checkout of an older commit: the same sequences are fitted by its own command, by the Python that the
environment variable PYTHON names, with its own models of these names, and its runs are measured like the others. Its
seconds are those that its run says.

--work FOLDER keeps sequences and runs; sequences that are there are not made again. The exit status is 1 when a bar is
missed, by the first model, or when it is worse than the second one beyond the interval.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from canonical_measures import (
    BODY_BARS,
    HAND_BARS,
    METRICS,
    Figures,
    against_bars,
    compared,
    in_words,
    is_worse,
    measure_run,
    totals_of,
)
from plain import measured

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.process import one_thread_per_process, prepare_process
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.methods.run import load_run
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from npm_studio.resources import model_path
from npm_studio.suites.canonical import BODIES, FRAMES, HANDS, SUBJECTS, WIDEST_TURN, CanonicalSequence, make_sequences

SEED = 1234
OLD = " (old)"
"""Follows the name of a model where the older commit has fitted it."""


def fit_all(
    sequences: Sequence[CanonicalSequence], model: str, device: str, folder: Path, steps: int | None
) -> list[Figures]:
    """Fit each sequence by one model; a row for each, with the run or why there is none."""
    path = model_path(model)
    loaded = LoadedModel(path, load_model(path, resolve_device(device)))
    config = FitConfig() if steps is None else FitConfig(steps=steps)
    rows = []
    for sequence in sequences:
        out = folder / sequence.folder.parent.name / sequence.folder.name
        out.parent.mkdir(parents=True, exist_ok=True)
        row = _row(sequence, model)
        clock = time.perf_counter()
        try:
            opened = open_subject(sequence.folder, registered_readers(), CaptureOptions(), loaded.model)
            run_fit(FitRequest(METHOD, config, opened, out, loaded))
        except InputError as error:
            row["refused"] = str(error)
        else:
            row["run"] = str(out)
        rows.append(row | {"seconds": time.perf_counter() - clock})
        print(f"fitted {row['model']:22s}{row['sequence']:34s}{rows[-1]['seconds']:7.1f} s", flush=True)
    return rows


def fit_all_old(
    sequences: Sequence[CanonicalSequence], model: str, device: str, folder: Path, checkout: Path
) -> list[Figures]:
    """The same by the command of the older commit in ``checkout``, with its own model of that name."""
    python, checkout = os.environ.get("PYTHON", sys.executable), checkout.resolve()
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    rows = []
    for sequence in sequences:
        out = folder.resolve() / sequence.folder.parent.name / sequence.folder.name
        out.parent.mkdir(parents=True, exist_ok=True)
        row = _row(sequence, model + OLD)
        command = [python, "-m", "npm_studio", "fit", str(sequence.folder.resolve()), "--model", model]
        command += ["--device", device, "--out", str(out)]
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        if (out / "run.json").is_file():
            row |= {"run": str(out), "seconds": load_run(out).seconds}
        else:
            row |= {"refused": (done.stderr.strip().splitlines() or ["no run"])[-1], "seconds": float("nan")}
        rows.append(row)
        print(f"fitted {row['model']:22s}{row['sequence']:34s}{row['seconds']:7.1f} s", flush=True)
    return rows


def _row(sequence: CanonicalSequence, model: str) -> Figures:
    folder = str(sequence.folder)
    return {"sequence": sequence.name, "child": sequence.is_child, "model": model, "folder": folder}


def measure_all(rows: Sequence[Figures], frames: int, samples: int, iou_points: int) -> list[Figures]:
    """``rows`` with the figures of their runs, several at once; of what was refused all frames have failed."""
    nothing = np.full(frames, np.nan)
    measured = []
    with one_thread_per_process(), ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        waiting = [
            pool.submit(measure_run, Path(row["run"]), Path(row["folder"]) / "truth", samples, iou_points)
            if "run" in row
            else None
            for row in rows
        ]
        for row, future in zip(rows, waiting, strict=True):
            figures = {
                **dict.fromkeys(METRICS, float("nan")),
                "failed_frames": 1.0,
                "frames": frames,
                "per_frame": dict.fromkeys(METRICS, nothing),
                "verdict": "refused",
            }
            measured.append(row | (figures if future is None else future.result()))
            print_row(row["sequence"], measured[-1])
    return measured


def print_row(name: str, row: Figures) -> None:
    chamfer = f"{row['chamfer_l2'] * 1e3:9.4f}e-3"
    print(
        f"{row['model']:22s}{name:34s}{row['iou']:7.3f}{chamfer}{row['epe']:9.4f}{row['failed_frames']:8.1%}"
        f"{row['seconds']:9.1f}  {row.get('verdict') or '-'} {row.get('refused', '')}",
        flush=True,
    )


def print_header() -> None:
    print(
        f"{'model':22s}{'sequence':34s}{'IoU':>7s}{'Chamfer-l2':>12s}{'EPE':>9s}{'failed':>8s}{'seconds':>9s}  verdict"
    )


def totals_by_seed(rows: Sequence[Figures]) -> list[Figures]:
    """One row for each model and seed."""
    groups: dict[tuple[str, str], list[Figures]] = {}
    for row in rows:
        groups.setdefault((row["model"], row["sequence"].split()[0]), []).append(row)
    return [{"model": model, "seed": int(seed)} | totals_of(group) for (model, seed), group in groups.items()]


def bars_of(totals: Sequence[Figures], models: Sequence[str], hands: bool) -> list[Figures]:
    """Of each seed: of bodies those of the first model, of hands those of every model."""
    judged = models if hands else models[:1]
    return [
        {"model": total["model"], "seed": total["seed"]} | bar
        for total in totals
        if total["model"] in judged
        for bar in against_bars(total, HAND_BARS if hands else BODY_BARS)
    ]


def comparisons(rows: Sequence[Figures], models: Sequence[str]) -> list[Figures]:
    """The first model against all others, and old ones; the bar is that it is not worse than the second."""
    by_model: dict[str, list[Figures]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    found = []
    for other in [name for name in by_model if name != models[0]]:
        for name, difference in compared(by_model[models[0]], by_model[other]).items():
            row = {"first": models[0], "second": other, "figure": name, **asdict(difference)}
            row["passed"] = not is_worse(difference, name)
            found.append(row | {"is_bar": other in models})
    return found


def print_bars(bars: Sequence[Figures], differences: Sequence[Figures]) -> None:
    for bar in bars:
        value, limit = in_words(bar["bar"], bar["value"]), in_words(bar["bar"], bar["limit"])
        word = "pass" if bar["passed"] else "FAIL"
        print(f"{word}  {bar['model']} {bar['seed']} {bar['bar']:18s} {value} (bar {limit})")
    for row in differences:
        word = ("pass" if row["passed"] else "FAIL") if row["is_bar"] else "    "
        mean, low, high = (in_words(row["figure"], row[part]) for part in ("mean", "low", "high"))
        print(f"{word}  {row['first']} less {row['second']} {row['figure']:12s} {mean} [{low}, {high}]")


def measure(options: argparse.Namespace, work: Path) -> Figures:
    device, kind = resolve_device(options.device), HANDS if options.hands else BODIES
    children = min(kind.children, options.subjects - 1)
    split = replace(kind, adults=options.subjects - children, children=children, frames=options.frames)
    turn = WIDEST_TURN if options.hands else 0.0
    sequences = [
        each
        for seed in options.seeds
        for each in make_sequences(replace(split, seed=seed), work / "sequences", turn, device=device)
    ]
    rows: list[Figures] = []
    for number, model in enumerate(options.models):
        runs = work / "runs" / f"{number}-{Path(model).stem}"  # several may have one name
        rows += fit_all(sequences, model, options.device, runs, options.steps)
        if options.old is not None:
            rows += fit_all_old(sequences, model, options.device, runs.with_name(runs.name + "-old"), options.old)
    print(f"measured on {describe_device(device)}; canonical units")
    print_header()
    rows = measure_all(rows, options.frames, options.samples, options.iou_points)
    totals = totals_by_seed(rows)
    for total in totals:
        print_row(f"{total['seed']} mean of {total['sequences']}", total)
    bars, differences = bars_of(totals, options.models, options.hands), comparisons(rows, options.models)
    print_bars(bars, differences)
    machine = describe_device(device)
    return {"machine": machine, "sequences": rows, "totals": totals, "bars": bars, "differences": differences}


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", metavar="M", help="folders or names; the first has to pass the bars")
    parser.add_argument("--hands", action="store_true", help="hands, seen from up to 60 degrees beside the front")
    parser.add_argument("--seeds", nargs="+", type=int, default=[SEED])
    parser.add_argument("--old", type=Path, metavar="FOLDER", help="checkout of an older commit, for Python $PYTHON")
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--steps", type=int, help="of the fit, in place of its default")
    parser.add_argument("--samples", type=int, default=100_000, help="points of each surface; fewer raise Chamfer-l2")
    parser.add_argument("--iou-points", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep sequences and runs here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.models = options.models or (["hand-compact"] if options.hands else ["anny-full", "anny-compact"])
    results = measured(lambda work: measure(options, options.work or work), options.json)
    if results is None:
        return 2
    judged = [*results["bars"], *(row for row in results["differences"] if row["is_bar"])]
    return 0 if all(row["passed"] for row in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
