"""A fit from request to run folder: what the command line and the application both start."""

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.core.devices import resolve_device
from engine.core.errors import InputError
from engine.core.files import replacing_folder
from engine.core.progress import Progress
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fit_codes
from engine.methods.npm.observations import observe
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.surface.extract import extract_surface, pose_vertices


@dataclass(frozen=True)
class FitRequest:
    """Everything that a fit needs to know."""

    sequence: Path
    """Depth sequence folder."""
    model: Path
    """Model folder."""
    out: Path
    """Run folder to write; replaced when it holds a run already."""
    config: FitConfig = field(default_factory=FitConfig)
    seed: int = 0
    device: str = "auto"
    capture: CaptureOptions = field(default_factory=CaptureOptions)
    """How ``sequence`` was opened when it is a foreign recording; kept for those who show the run."""


def run_fit(
    request: FitRequest,
    progress: Progress | None = None,
    model: NeuralParametricModel | None = None,
    sequence: DepthSequence | None = None,
) -> Run:
    """Fit and write the run folder; on cancellation the best so far is written with ``interrupted`` set.

    Progress stages: "read depth", "search", "fit", "mesh". Previews are `engine.methods.npm.fit.FitPreview`.

    Args:
        model: the loaded model when the caller has it already
        sequence: the opened sequence when the caller has it already, or when it is a foreign recording

    Raises:
        InputError: the sequence or the model cannot be used, or ``out`` holds something that is not a run.
        Cancelled: asked to stop before there was anything to keep.
    """
    progress = progress or Progress()
    check_request(request)
    device = resolve_device(request.device)
    sequence = sequence or load_depth_sequence(request.sequence)
    model = model or load_model(request.model, device)
    if not model.has_pose:
        raise InputError(request.model, "has no pose part yet", "run `npm-studio train pose` first")
    started = time.perf_counter()
    observations = observe(sequence, model.info.similarity, model.device, seed=request.seed, progress=progress)
    with replacing_folder(request.out) as folder:
        logged = _Logged(progress, folder / "log.jsonl")
        fitted = fit_codes(model, observations, request.config, request.seed, logged)
        progress.stage("mesh", len(sequence))
        shape_code = fitted.shape_code.to(model.device)
        mesh = extract_surface(model, shape_code, request.config.resolution)
        if mesh.is_empty:
            raise InputError(request.model, "the fitted shape has no surface", "train the model longer")
        to_world = model.info.similarity.to_world
        vertices = []
        for frame, code in enumerate(fitted.pose_codes.to(model.device)):
            vertices.append(to_world(pose_vertices(model, shape_code, code, mesh.vertices)))
            progress.advance(frame + 1)
        times_s = regular_times(len(sequence), sequence.frame_rate)
        meshes = mesh_sequence(request.out.name, np.stack(vertices), mesh.faces, sequence.frame_names, times_s)
        run = Run(
            folder=folder,
            method="npm",
            inputs=RunInputs(
                request.sequence,
                request.model,
                model.info.similarity,
                request.capture,
                dataclasses.asdict(request.config),
                request.seed,
                str(model.device),
            ),
            meshes=meshes,
            frames=frame_records(
                meshes, np.tile(np.asarray(sequence.camera_to_world, np.float64), (len(sequence), 1, 1))
            ),
            timings={"total": time.perf_counter() - started},
            interrupted=fitted.interrupted,
            versions={"npm_studio": version("npm-studio"), "torch": torch.__version__},
            details={
                "iterations": fitted.iterations,
                "energy": [round(float(value), 6) for value in fitted.energy],
            },
        )
        codes = {"shape": fitted.shape_code.numpy()[None, None], "pose": fitted.pose_codes.numpy()[:, None]}
        save_run(run, {"codes": codes})
    return load_run(request.out)


def check_request(request: FitRequest) -> None:
    """Refuse a request that would destroy something, before any work is done.

    Raises:
        InputError: ``out`` holds something that is not a run.
    """
    out = request.out
    if out.exists() and not (out.is_dir() and ((out / "run.json").is_file() or not any(out.iterdir()))):
        raise InputError(out, "exists and is not a run", "choose another --out")


class _Logged(Progress):
    """Passes everything on and keeps the figures as JSON lines."""

    def __init__(self, inner: Progress, path: Path) -> None:
        self._inner, self._path, self._stage = inner, path, ""
        self.preview, self.wants_preview, self.cancelled = inner.preview, inner.wants_preview, inner.cancelled  # type: ignore[method-assign]

    def stage(self, name: str, total: int) -> None:
        self._stage = name
        self._inner.stage(name, total)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        if metrics:
            line: dict[str, Any] = {"stage": self._stage, "step": done, **metrics}
            with self._path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        self._inner.advance(done, metrics)

    def message(self, text: str) -> None:
        self._inner.message(text)
