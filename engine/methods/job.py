"""A fit from request to run folder: what the command line and the application both start."""

import logging
import time
from importlib.metadata import version

import torch

from engine.core.devices import resolve_device
from engine.core.errors import Choice, InputError, Remedy, Setting, remedy
from engine.core.files import replacing_folder
from engine.core.progress import Progress
from engine.core.streams import is_out_of_memory
from engine.geometry.mesh import save_mesh
from engine.methods.log import LoggedProgress
from engine.methods.method import FitResult, MethodInputs
from engine.methods.outcome import outcome_of
from engine.methods.request import FitRequest, check_request
from engine.methods.run import IN_SCAN, Run, RunInputs, load_run, save_run

_log = logging.getLogger(__name__)


def run_fit(request: FitRequest, progress: Progress | None = None) -> Run:
    """Fit and write the run folder; on cancellation the best so far is written with ``interrupted`` set.

    Stages and previews are those of the method, and "measure".

    Raises:
        InputError: the sequence or an input cannot be used, ``out`` holds something that is not a run, or the device
            has not enough memory.
        Cancelled: asked to stop before there was anything to keep.
    """
    check_request(request)
    started = time.perf_counter()
    device = resolve_device(request.device) if request.model is None else request.model.model.device
    with replacing_folder(request.out) as folder:
        logged = LoggedProgress(progress or Progress(), folder / "log.jsonl")
        inputs = MethodInputs(folder, device, request.seed, request.model, request.template, request.refit)
        result = _fit(request, inputs, logged)
        fitted = time.perf_counter()
        outcome = outcome_of(request, result, logged)
        result, now = outcome.result, time.perf_counter()
        timings = {**result.timings, "measure": now - fitted, "total": now - started}
        run = Run(
            folder=folder,
            method=request.method.id,
            inputs=_inputs(request, device),
            meshes=result.meshes,
            frames=outcome.frames if request.refit is None else request.refit.frames(outcome.frames),
            timings=timings,
            interrupted=result.interrupted,
            verdict=outcome.verdict.word,
            reason=outcome.verdict.reason,
            versions={"npm_studio": version("npm-studio"), "torch": torch.__version__},
            details=result.details,
        )
        if request.sequence.scan is not None:
            save_mesh(request.sequence.scan.in_file(result.meshes.read(0)), folder / IN_SCAN)
        save_run(run, result.artefacts)
    return load_run(request.out)


def _fit(request: FitRequest, inputs: MethodInputs, progress: Progress) -> FitResult:
    try:
        return request.method.fit(request.sequence, inputs, request.config, progress)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        _log.warning("out of memory", exc_info=error)
    camera, count = request.sequence.camera, len(request.sequence)
    problem = f"has not enough memory for {count} frames of {camera.width}x{camera.height} pixels"
    fewer, other = "fit fewer frames at once", Choice(Setting.DEVICE, "cpu")
    fix = Remedy(fewer) if inputs.device.type == "cpu" else remedy(f"{fewer}, or use {{}}", other)
    raise InputError(Choice(Setting.DEVICE, str(inputs.device)), problem, fix)


def _inputs(request: FitRequest, device: torch.device) -> RunInputs:
    model = request.model
    return RunInputs(
        sequence=request.sequence.root,
        model=None if model is None else model.folder,
        similarity=None if model is None else model.model.info.similarity,
        capture=request.capture,
        config=request.config.model_dump(mode="json"),
        seed=request.seed,
        device=str(device),
        views=tuple(view.root for view in request.sequence.others if request.sequence.scan is None),
    )
