"""A fit from request to run folder: what the command line and the application both start."""

import time
from dataclasses import replace
from importlib.metadata import version

import torch

from engine.core.devices import resolve_device
from engine.core.errors import InputError
from engine.core.files import replacing_folder
from engine.core.progress import Progress
from engine.methods.log import LoggedProgress
from engine.methods.method import FitResult, MethodInputs
from engine.methods.request import FitRequest, check_request
from engine.methods.run import Run, RunFrame, RunInputs, frame_records, load_run, save_run


def run_fit(request: FitRequest, progress: Progress | None = None) -> Run:
    """Fit and write the run folder; on cancellation the best so far is written with ``interrupted`` set.

    Stages and previews are those of the method.

    Raises:
        InputError: the sequence or an input cannot be used, or ``out`` holds something that is not a run.
        Cancelled: asked to stop before there was anything to keep.
    """
    check_request(request)
    started = time.perf_counter()
    device = resolve_device(request.device) if request.model is None else request.model.model.device
    with replacing_folder(request.out) as folder:
        logged = LoggedProgress(progress or Progress(), folder / "log.jsonl")
        inputs = MethodInputs(folder, device, request.seed, request.model, request.template)
        result = request.method.fit(request.sequence, inputs, request.config, logged)
        frames = _frames(request, result)
        timings = {**result.timings, "total": time.perf_counter() - started}
        run = Run(
            folder=folder,
            method=request.method.id,
            inputs=_inputs(request, device),
            meshes=result.meshes,
            frames=frames,
            timings=timings,
            interrupted=result.interrupted,
            versions={"npm_studio": version("npm-studio"), "torch": torch.__version__},
            details=result.details,
        )
        save_run(run, result.artefacts)
    return load_run(request.out)


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
    )


def _frames(request: FitRequest, result: FitResult) -> tuple[RunFrame, ...]:
    """What is known of each frame of the result; methods of others are not trusted to keep their promises."""
    meshes, method = result.meshes, f"method {request.method.id!r}"
    unknown = set(meshes.frame_names) - set(request.sequence.frame_names)
    if unknown or len(set(meshes.frame_names)) < len(meshes) or meshes.frame != "world":
        raise InputError(method, "gave meshes that are not those of the frames in the world", "tell its author")
    poses, names = request.sequence.cameras_to_world, request.sequence.frame_names
    chosen = [names.index(name) for name in meshes.frame_names]
    known = not request.sequence.times_assumed
    frames = frame_records(meshes, None if poses is None else poses[chosen], known)
    confidence = result.confidence
    if confidence is None:
        return frames
    if confidence.shape != (len(meshes),) or not ((confidence >= 0) & (confidence <= 1)).all():
        raise InputError(method, "gave confidences that are not a number from 0 to 1 per frame", "tell its author")
    return tuple(replace(frame, confidence=float(value)) for frame, value in zip(frames, confidence, strict=True))
