"""A fit from request to run folder: what the command line and the application both start."""

import time
from importlib.metadata import version

import torch

from engine.core.devices import resolve_device
from engine.core.files import replacing_folder
from engine.core.progress import Progress
from engine.methods.log import LoggedProgress
from engine.methods.method import MethodInputs
from engine.methods.request import FitRequest, check_request
from engine.methods.result_frames import frames_of
from engine.methods.run import Run, RunInputs, load_run, save_run


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
        frames = frames_of(request.sequence, result, request.method.id)
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
