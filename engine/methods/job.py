"""A fit from request to run folder: what the command line and the application both start."""

import logging
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import version

import torch

from engine.core.devices import resolve_device
from engine.core.errors import Cancelled, Choice, InputError, Remedy, Setting, remedy
from engine.core.files import replacing_folder
from engine.core.progress import ForwardedProgress, Progress
from engine.core.streams import is_out_of_memory
from engine.geometry.mesh import save_mesh
from engine.geometry.ply import save_compact_ply
from engine.methods.kept_result import (
    OF_KEPT,
    SUBJECT_MASKS,
    UNDEFORMED,
    kept_details,
    mask_arrays,
    masks_of,
    result_kept,
)
from engine.methods.log import LoggedProgress
from engine.methods.method import FitResult, FoundCodes, MethodInputs
from engine.methods.outcome import outcome_of
from engine.methods.request import FitRequest, check_request
from engine.methods.result_frames import check_result, frames_of, with_meshes_only
from engine.methods.run import (
    CANONICAL_SURFACE,
    FILL_LOST,
    IN_SCAN,
    NOT_COMPLETE,
    Run,
    RunFrame,
    RunInputs,
    decoding_of,
    load_run,
    save_run,
)
from engine.sequences.mesh_sequence import MeshSequence

_log = logging.getLogger(__name__)


def run_fit(request: FitRequest, progress: Progress | None = None) -> Run:
    """Fit and write the run folder; on cancellation the best so far is written with ``interrupted`` set.

    Where the user waits for the end, the codes that the method has told are written and nothing more, or else its
    meshes before they are measured: the run is not complete then, see `engine.methods.run`.

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
        log = folder / "log.jsonl"
        if request.kept is not None and (request.kept.folder / log.name).is_file():
            shutil.copyfile(request.kept.folder / log.name, log)
        hurried = _Hurried(LoggedProgress(progress or Progress(), log), is_kept=request.kept is not None)
        inputs = MethodInputs(
            folder, device, request.seed, request.model, request.template, request.refit, hurried.keep, request.kept
        )
        try:
            _save(request, inputs, hurried, started)
        except _LeftForLaterError:
            match hurried.found:
                case None:  # what was kept stays as it is
                    raise Cancelled from None
                case FoundCodes():
                    _save_codes(request, inputs, hurried.found, started)
                case FitResult():
                    _save_unmeasured(request, inputs, hurried.found, started)
    return load_run(request.out)


class _LeftForLaterError(Exception):
    """The user waits for the end, and there is something to keep."""


class _Hurried(ForwardedProgress):
    """Ends the work as soon as the user waits for that, once something is kept."""

    def __init__(self, inner: Progress, is_kept: bool) -> None:
        super().__init__(inner)
        self._is_kept = is_kept
        self.found: FoundCodes | FitResult | None = None

    def keep(self, found: FoundCodes | FitResult) -> None:
        """Of codes and the meshes that become of them the codes are kept, which are written sooner."""
        if not self._is_kept:
            self.found, self._is_kept = found, True
        self.is_hurried()

    def stage(self, name: str, total: int) -> None:
        self.is_hurried()
        super().stage(name, total)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        self.is_hurried()
        super().advance(done, metrics)

    def is_hurried(self) -> bool:
        """
        Raises:
            _LeftForLaterError: it is, and something is kept.
        """
        is_hurried = super().is_hurried()
        if is_hurried and self._is_kept:
            raise _LeftForLaterError
        return is_hurried


def _save(request: FitRequest, inputs: MethodInputs, progress: _Hurried, started: float) -> None:
    """Fit, and write all of the run into the folder of ``inputs``."""
    kept = request.kept
    if kept is not None and kept.decoding is None:
        for name in kept.artefacts:
            if name not in OF_KEPT:
                shutil.copyfile(kept.folder / name, inputs.folder / name)
        result = result_kept(kept, request.sequence)
    else:
        result = _fit(request, inputs, progress)
    progress.keep(result)
    fitted = time.perf_counter()
    outcome = outcome_of(request, result, progress)
    result, now = outcome.result, time.perf_counter()
    total = now - started + (0.0 if kept is None else kept.seconds)
    run = Run(
        folder=inputs.folder,
        method=request.method.id,
        inputs=_inputs(request, inputs.device),
        meshes=result.meshes,
        frames=outcome.frames if request.refit is None else request.refit.frames(outcome.frames),
        timings={**result.timings, "measure": now - fitted, "total": total},
        interrupted=result.interrupted,
        verdict=outcome.verdict.word,
        reason=outcome.verdict.reason,
        versions=_versions(),
        details=result.details,
    )
    if request.sequence.scan is not None:
        save_mesh(request.sequence.scan.in_file(result.meshes.read(0)), inputs.folder / IN_SCAN)
    save_run(run, result.artefacts)


def _save_codes(request: FitRequest, inputs: MethodInputs, found: FoundCodes, started: float) -> None:
    """Write a run that is not complete into the folder of ``inputs``."""
    (inputs.folder / CANONICAL_SURFACE).unlink(missing_ok=True)
    sequence, details = request.sequence, {**found.details, FILL_LOST: request.fill_lost}
    if len(found.subject_to_world) < len(sequence):
        sequence = sequence.subset(range(len(found.subject_to_world)))
    fitted, poses = _inputs(request, inputs.device), sequence.cameras_to_world
    frames = tuple(
        RunFrame(
            name,
            None if sequence.times_assumed else float(sequence.times_s[row]),
            None if poses is None else poses[row],
            found.subject_to_world[row],
            None if found.confidence is None else float(found.confidence[row]),
        )
        for row, name in enumerate(sequence.frame_names)
    )
    decoding = decoding_of(inputs.folder, fitted, frames, details)
    run = Run(
        folder=inputs.folder,
        method=request.method.id,
        inputs=fitted,
        meshes=MeshSequence(sequence.name, sequence.frame_names, sequence.times_s, decoding.mesh, one_topology=True),
        frames=frames if request.refit is None else request.refit.frames(frames),
        timings={**found.timings, "total": time.perf_counter() - started},
        interrupted=found.interrupted,
        reason=NOT_COMPLETE,
        versions=_versions(),
        details=details,
        decoding=decoding,
        is_complete=False,
    )
    masks = {} if found.masks is None else {SUBJECT_MASKS: mask_arrays([found.masks])}
    save_run(run, {"codes": found.codes, **masks})


def _save_unmeasured(request: FitRequest, inputs: MethodInputs, result: FitResult, started: float) -> None:
    """Write a run that has meshes and is not complete into the folder of ``inputs``."""
    sequence = request.sequence
    check_result(sequence, result, request.method.id)
    result = with_meshes_only(result, request.method.id, Progress())
    artefacts = dict(result.artefacts)
    if result.subject is not None:
        rows = [result.subject.frame_names.index(name) for name in result.meshes.frame_names]
        artefacts[SUBJECT_MASKS] = mask_arrays(masks_of(result.subject.subset(rows)))
    if result.undeformed is not None:
        save_compact_ply(result.undeformed, inputs.folder / UNDEFORMED, "metres")
    run = Run(
        folder=inputs.folder,
        method=request.method.id,
        inputs=_inputs(request, inputs.device),
        meshes=result.meshes,
        frames=frames_of(sequence, result),
        timings={**result.timings, "total": time.perf_counter() - started},
        interrupted=result.interrupted,
        reason=NOT_COMPLETE,
        versions=_versions(),
        details=kept_details(result, request.fill_lost),
        is_complete=False,
    )
    save_run(run, artefacts)


def _versions() -> dict[str, str]:
    return {"npm_studio": version("npm-studio"), "torch": torch.__version__}


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
