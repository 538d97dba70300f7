"""What more than one view is worth to a fit: one, two and four calibrated cameras.

    python benchmarks/more_views.py [--models anny-compact anny-full] [--subjects N] [--frames N] [--json FILE]

Unseen bodies in unseen motions, as in canonical_fit.py, are seen by four cameras around them, without noise and with
that of a structured-light sensor, and fitted as `npm-studio fit CAMERA --views ...` does by the front one, by the front
and the back one, and by all four. Against the truth, in millimetres:

- surface: mean distance from the fit to the truth and back, the two averaged; and the same of what the front camera
  does not see;
- match: mean distance of corresponding points, over the whole surface;
- lost: frames that the run calls lost.

The exit status is 1 when more cameras are not nearer.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from canonical_measures import Figures
from canonical_sequences import BODIES, make_sequences
from plain import measured

from engine.core.devices import describe_device, resolve_device
from engine.core.process import prepare_process
from engine.evaluate.metrics import evaluate_sequence
from engine.geometry.sensor_noise import KinectNoise
from engine.methods.evaluation import prediction_of
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.methods.run import Run
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.reader import registered_readers
from engine.sequences.several_views import open_views
from engine.sequences.truth import load_truth
from npm_studio.resources import model_path

CAMERAS: dict[int, tuple[int, ...]] = {1: (0,), 2: (0, 2), 4: (0, 1, 2, 3)}
"""Of the views around each body, by how many."""
FIGURES = ("surface_mm", "match_mm")
SAMPLES = 20_000


def fit_views(folders: Sequence[Path], loaded: LoadedModel, out: Path) -> Run:
    sequence = open_views(folders, registered_readers(), AS_RECORDED, loaded.model)
    return run_fit(FitRequest(METHOD, FitConfig(), sequence, out, loaded))


def figures_of(run: Run, truth: Path) -> Figures:
    """Of one run, against the truth in ``truth``."""
    metrics = evaluate_sequence(prediction_of(run, truth), load_truth(truth), SAMPLES, 1000)
    return {
        "surface_mm": (metrics.means["accuracy_mm"] + metrics.means["completeness_mm"]) / 2,
        "match_mm": metrics.means["correspondence_mm"],
        "lost": float(np.mean([bool(frame.lost) for frame in run.frames])),
        "verdict": run.verdict,
    }


def measure(options: argparse.Namespace, work: Path) -> Figures:
    device = resolve_device(options.device)
    children = options.subjects // 3
    split = replace(BODIES, adults=options.subjects - children, children=children, frames=options.frames)
    rows: list[Figures] = []
    print(f"measured on {describe_device(device)}; millimetres")
    for model in options.models:
        loaded = LoadedModel(model_path(model), load_model(model_path(model), device))
        for noise in (None, KinectNoise()):
            sequences = make_sequences(split, work / "sequences", views=max(CAMERAS), device=device, noise=noise)
            for count, views in CAMERAS.items():
                found = []
                for sequence in sequences:
                    folders = [sequence.folder / f"view_{view}" for view in views]
                    run = fit_views(folders, loaded, work / "runs" / f"{sequence.name}-{count}")
                    found.append(figures_of(run, folders[0] / "truth"))
                mean = {name: float(np.mean([row[name] for row in found])) for name in (*FIGURES, "lost")}
                sensor = "clean" if noise is None else "structured light"
                rows.append({"model": model, "sensor": sensor, "cameras": count, **mean, "each": found})
                print_row(rows[-1])
    return {"machine": describe_device(device), "rows": rows, "passed": more_is_nearer(rows)}


def more_is_nearer(rows: Sequence[Figures]) -> bool:
    """Whether two and four cameras are nearer than one, in every figure, for every model and sensor."""
    alone = {(row["model"], row["sensor"]): row for row in rows if row["cameras"] == 1}
    pairs = [(row, alone[row["model"], row["sensor"]]) for row in rows if row["cameras"] > 1]
    return all(more[name] < one[name] for more, one in pairs for name in FIGURES)


def print_row(row: Figures) -> None:
    cameras = f"{row['cameras']} camera{'s' if row['cameras'] > 1 else ''}"
    values = "".join(f"  {name.removesuffix('_mm')} {row[name]:6.1f}" for name in FIGURES)
    print(f"{row['model']:14s}{row['sensor']:18s}{cameras:10s}{values}  lost {row['lost']:.0%}", flush=True)


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["anny-compact", "anny-full"], metavar="M")
    parser.add_argument("--subjects", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep sequences and runs here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = measured(lambda work: measure(options, options.work or work), options.json)
    return 2 if results is None else 0 if results["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
