"""What more than one view is worth to a fit: one, two and four calibrated cameras, and scans of all sides.

    python benchmarks/more_views.py [--models anny-compact anny-full] [--subjects N] [--frames N] [--json FILE]

Unseen bodies in unseen motions, as in canonical_fit.py, are seen by four cameras around them, without noise and with
that of a structured-light sensor, and fitted as `npm-studio fit CAMERA --views ...` does by the front one, by the front
and the back one, and by all four. Against the truth, in millimetres:

- surface: mean distance from the fit to the truth and back, the two averaged; and the same of what the front camera
  does not see;
- match: mean distance of corresponding points, over the whole surface;
- lost: frames that the run calls lost.

Then the middle frame of each body is written in centimetres, with Z up, lying and turned, as a mesh and as 20,000
points with a millimetre of noise, and fitted as `npm-studio fit SCAN` does, which is told nothing of that: mean
distances from the true surface to the fit and back, and by how many degrees the vertical was missed.

The exit status is 1 when more cameras are not nearer, or a scan is fitted no nearer than 8 mm, one way or the other.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from canonical_measures import Figures
from numpy.typing import NDArray
from plain import measured
from scipy.spatial.transform import Rotation

from engine.core.devices import describe_device, resolve_device
from engine.core.process import prepare_process
from engine.dataset.registered import RegisteredDataset
from engine.evaluate.metrics import evaluate_sequence
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.geometry.sensor_noise import KinectNoise
from engine.methods.evaluation import prediction_of
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.methods.run import IN_SCAN, SCAN, Run
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.reader import registered_readers
from engine.sequences.scan import ScanFile, surface_samples
from engine.sequences.scan_views import open_scan
from engine.sequences.several_views import open_views
from engine.sequences.truth import load_truth
from npm_studio.resources import model_path
from npm_studio.suites.canonical import BODIES, make_sequences, unseen_bodies

CAMERAS: dict[int, tuple[int, ...]] = {1: (0,), 2: (0, 2), 4: (0, 1, 2, 3)}
"""Of the views around each body, by how many."""
FIGURES = ("surface_mm", "match_mm")
SAMPLES, POINTS = 20_000, 20_000
NEAR_MM = 8.0
"""Of scans."""


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


def scan_rows(model: str, loaded: LoadedModel, dataset: RegisteredDataset, work: Path) -> list[Figures]:
    """The middle frame of each body, as a mesh and as points."""
    rows = []
    for identity, name in enumerate(dataset.identities):
        frames = dataset.sequence(identity, dataset.sequences_of(identity)[0])
        upright = dataset.similarity_of(identity).to_world(np.asarray(frames[len(frames) // 2], np.float64))
        turn = Rotation.from_euler("zx", (37 + 80 * identity, -90), degrees=True).as_matrix()
        lying = Mesh((100 * upright @ turn.T + [250, -80, 12]).astype(np.float32), dataset.faces(identity))
        noise = np.random.default_rng(identity).normal(0, 0.1, (POINTS, 3))
        for cloud in (False, True):
            points = surface_samples(lying, POINTS) + noise if cloud else lying.vertices.astype(np.float64)
            file = ScanFile(Path(name), points, None if cloud else lying.faces.astype(np.int64))
            sequence = open_scan(file, loaded.model)
            run = run_fit(FitRequest(METHOD, FitConfig(), sequence, work / f"{name}-{cloud}", loaded))
            rows.append({"model": model, "scan": f"{name}{' points' if cloud else ''}", "verdict": run.verdict})
            rows[-1] |= scan_figures(run, lying, turn)
            print_scan(rows[-1])
    return rows


def print_scan(row: Figures) -> None:
    distances = f"to fit {row['to_fit_mm']:5.1f}  to truth {row['to_truth_mm']:5.1f}"
    words = f"vertical {row['tilt_degrees']:3.0f} degrees  {row['verdict']}"
    print(f"{row['model']:14s}{row['scan']:18s}{distances}  {words}", flush=True)


def scan_figures(run: Run, true: Mesh, turn: NDArray[np.float64]) -> Figures:
    """Of one run, against the surface that was scanned, ``true``, centimetres, whose vertical is that of ``turn``."""
    fit = load_mesh(run.folder / IN_SCAN)
    to_fit, to_truth = (
        MeshDistance()(surface_samples(one, SAMPLES), other, 100.0).mean(dtype=np.float64)
        for one, other in ((true, fit), (fit, true))
    )
    rotation = np.array(run.details[SCAN]["file_to_world"])[:3, :3] * 100
    up = rotation @ turn @ np.array([0.0, 1.0, 0.0])
    tilt = float(np.degrees(np.arccos(np.clip(up[1], -1, 1))))
    return {"to_fit_mm": 10 * float(to_fit), "to_truth_mm": 10 * float(to_truth), "tilt_degrees": tilt}


def measure(options: argparse.Namespace, work: Path) -> Figures:
    device = resolve_device(options.device)
    children = options.subjects // 3
    split = replace(BODIES, adults=options.subjects - children, children=children, frames=options.frames)
    rows: list[Figures] = []
    scans: list[Figures] = []
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
        scans += scan_rows(model, loaded, unseen_bodies(split, work / "sequences"), work / "scans" / model)
    near = all(max(row["to_fit_mm"], row["to_truth_mm"]) <= NEAR_MM for row in scans)
    return {"machine": describe_device(device), "rows": rows, "scans": scans, "passed": near and more_is_nearer(rows)}


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
