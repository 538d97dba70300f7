"""The demonstration: the built-in model fitted to the built-in depth sequence, with pictures and a report."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.devices import resolve_device
from engine.core.progress import Progress
from engine.evaluate.metrics import SequenceMetrics, evaluate_sequence
from engine.evaluate.writing import write_metrics
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import unsigned_distance
from engine.geometry.similarity import Similarity
from engine.methods.evaluation import prediction_of
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.methods.run import Run
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.truth import load_truth
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.reports.export import save_glb
from npm_studio.reports.machine import devices, versions
from npm_studio.reports.pictures import OffscreenRenderer, Scene, ViewDirection, line_up, save_picture
from npm_studio.reports.pictures.offscreen import require_offscreen_graphics
from npm_studio.reports.pictures.runs import error_sheet, fit_sheet, run_video, spread
from npm_studio.reports.report import Figure, Report, write_report
from npm_studio.resources import demo_model, demo_sequence

BODIES = 6
FIT_RESOLUTION, BODY_RESOLUTION = 192, 192
SAMPLES, IOU_POINTS = 30_000, 100_000
"""Fewer than `npm-studio evaluate` takes, and enough for the digits that the report shows."""


def make_demo(out: Path, device: str, seed: int, progress: Progress) -> dict[str, Any]:
    """Write the demonstration into ``out``: run, pictures, video, GLB files, ``metrics.json`` and ``report.html``.

    Returns:
        The metrics by name, the path of the report and the seconds of each step. When the user interrupts the fit:
        the path of the run alone, which is kept.

    Raises:
        InputError: a built-in file is missing, or this machine cannot draw.
        Cancelled: stopped before there was anything to keep, or after the fit.
    """
    require_offscreen_graphics()  # better to hear of it now than after the fit
    seconds: dict[str, float] = {}
    with _clock("load the model", seconds):
        model = load_model(demo_model(), resolve_device(device))
        sequence = load_depth_sequence(demo_sequence())
    with _clock("fit the depth images", seconds):
        config, loaded = FitConfig(resolution=FIT_RESOLUTION), LoadedModel(demo_model(), model)
        run = run_fit(FitRequest(METHOD, config, sequence, out / "run", loaded, seed=seed), progress)
    if run.interrupted:
        return {"run": str(run.folder)}
    with _clock("compare with the true bodies", seconds):
        metrics, errors_mm = _compare(run, sequence, seed, progress)
        for folder in (out, run.folder):
            write_metrics(metrics, folder)
    with _clock("mesh training bodies", seconds):
        bodies = training_bodies(model, progress)
    with _clock("draw pictures", seconds):
        save_picture(bodies_sheet(bodies), out / "reconstruction.png")
        save_picture(fit_sheet(run, sequence), out / "fit.png")
        save_picture(error_sheet(run, errors_mm), out / "errors.png")
    with _clock("draw the video", seconds):
        run_video(run, sequence, out / "fit.mp4", progress)
    with _clock("export GLB files", seconds):
        _export(run, bodies, model.info.similarity, out)
    write_report(_report(model, run, metrics, tuple(bodies), seconds, out), out / "report.html")
    rounded = {step: round(value, 2) for step, value in seconds.items()}
    said = {"verdict": run.verdict, "reason": run.reason, "run": str(run.folder)}
    return {**metrics.summary(), **said, "report": str(out / "report.html"), "seconds": rounded}


def training_bodies(model: NeuralParametricModel, progress: Progress) -> dict[str, tuple[Mesh, Mesh]]:
    """Some training identities as meshes in canonical units, in the canonical pose and in one of their poses.

    Keys are "identity, pose".
    """
    assert model.pose_codes is not None
    identities = spread(BODIES, len(model.info.identities))
    bodies = {}
    progress.stage("bodies", len(identities))
    for done, identity in enumerate(identities):
        shape_code = model.shape_codes[identity]
        rows = model.frames_of(identity)
        row = rows[(2 * done + 1) * len(rows) // (2 * len(identities))]  # another part of the motions for each
        canonical = extract_surface(model, shape_code, BODY_RESOLUTION, cancelled=progress.cancelled)
        posed = Mesh(pose_vertices(model, shape_code, model.pose_codes[row], canonical.vertices), canonical.faces)
        bodies[f"{model.info.identities[identity]}, {model.info.frames[row]}"] = (canonical, posed)
        progress.advance(done + 1)
    return bodies


def bodies_sheet(bodies: dict[str, tuple[Mesh, Mesh]]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of ``bodies``: a row in the canonical pose above a row in their own poses."""
    rows = []
    for height, pose, gap in ((500, 0, 0.02), (740, 1, 0.06)):
        with OffscreenRenderer(2000, height) as renderer:
            meshes = line_up([pair[pose] for pair in bodies.values()], gap, turn=20)
            rows.append(renderer.picture(Scene(meshes), ViewDirection(0, 8)))
    return np.concatenate(rows)


def _compare(
    run: Run, sequence: DepthSequence, seed: int, progress: Progress
) -> tuple[SequenceMetrics, list[NDArray[np.float32]]]:
    """Metrics of ``run``, and of each frame the distance (V,) of its vertices to the true surface in millimetres."""
    folder = sequence.truth_folder or sequence.root / "truth"
    truth = load_truth(folder)
    metrics = evaluate_sequence(prediction_of(run, folder), truth, SAMPLES, IOU_POINTS, seed, progress)
    errors_mm = []
    for one, other in metrics.joined.pairs:
        fitted, true = run.meshes.read(one), truth.meshes.read(other)
        metres = unsigned_distance(fitted.vertices, true.vertices, true.faces)
        errors_mm.append((1000 * metres).astype(np.float32))
    return metrics, errors_mm


def _export(run: Run, bodies: dict[str, tuple[Mesh, Mesh]], similarity: Similarity, out: Path) -> None:
    canonical, _ = next(iter(bodies.values()))
    named = {"canonical pose": canonical, **{name: posed for name, (_, posed) in bodies.items()}}
    standing = dict(zip(named, line_up(list(named.values())), strict=True))
    save_glb(standing, Similarity(similarity.scale), out / "bodies.glb")
    for frame in spread(3, len(run.frame_names)):
        save_glb({"fit": run.meshes.read(frame)}, Similarity(), out / f"fit_{run.frame_names[frame]}.glb")


def _report(
    model: NeuralParametricModel,
    run: Run,
    metrics: SequenceMetrics,
    bodies: tuple[str, ...],
    seconds: dict[str, float],
    out: Path,
) -> Report:
    machine = {**devices(), **{name: number for name, number in versions().items() if number}}
    machine["used for the fit"] = run.inputs.device
    return Report(
        title=f"{model.info.name} fitted to {run.inputs.sequence.name}",
        summary=(
            f"A neural parametric model of {model.info.category}, learned from {len(model.info.identities)} bodies in "
            f"{len(model.info.frames):,} poses, explains {len(run.frame_names)} depth images of a body and a motion "
            "that it has never seen."
        ),
        figures=(
            Figure(out / "fit.mp4", "Left: what the depth camera saw. Middle: the fit over it. Right: the fit."),
            Figure(out / "fit.png", "Above: observed points, bright is near. Below: the fitted body under the points."),
            Figure(out / "errors.png", "Distance of the fitted body to the true one, which the fit never saw."),
            Figure(
                out / "reconstruction.png",
                "Bodies of the training set as the model remembers them, in the canonical pose and in one of their "
                f"own poses: {'; '.join(bodies)}.",
            ),
        ),
        run=run,
        metrics=metrics,
        timings={step[0].upper() + step[1:]: value for step, value in seconds.items()},
        machine=machine,
        files={
            "run/": "the run: codes, one mesh per frame in metres, log",
            "metrics.json, metrics.csv": "all metrics, frame by frame, with their definitions; as a table",
            "bodies.glb": "the training bodies in metres, the first one also in the canonical pose",
            "fit_*.glb": "fitted bodies of three frames in metres",
            "reconstruction.png, fit.png, errors.png, fit.mp4": "the pictures and the video of this report",
        },
    )


@contextmanager
def _clock(step: str, seconds: dict[str, float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - started
