"""Runs that somebody stopped and did not wait for get their meshes, and are measured."""

from pathlib import Path

from engine.core.config import read_config
from engine.core.progress import Progress
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel, load_method
from engine.methods.refitting import Refit, as_fitted
from engine.methods.request import FitRequest
from engine.methods.run import FILL_LOST, REFITTED, Run, load_run
from engine.sequences.depth_sequence import DepthSequence


def complete_run(run: Run, sequence: DepthSequence, loaded: LoadedModel | None, progress: Progress) -> Run:
    """Replace ``run``, which is not complete, by what it would be if somebody had waited for it.

    Args:
        sequence: what was fitted, opened as it was then; it may have more frames than the fit got to
        loaded: the model of the run, if it has one

    Raises:
        InputError: its method is not installed, the recording has other frames, or what it goes on from is gone.
        Cancelled: asked to stop; the run stays as it is.
    """
    method, refitted = load_method(run.method), run.details.get(REFITTED)
    refit = None
    if isinstance(refitted, dict):
        rows = [row for row, name in enumerate(run.frame_names) if name in refitted["frames"]]
        refit = Refit(load_run(Path(refitted["of"])), range(rows[0], rows[-1] + 1))
    if set(run.frame_names) < set(sequence.frame_names):
        sequence = sequence.subset([sequence.frame_names.index(name) for name in run.frame_names])
    request = FitRequest(
        method,
        read_config(method.config_type, dict(run.inputs.config)),
        as_fitted(sequence, run),
        run.folder,
        loaded,
        seed=run.inputs.seed,
        device=run.inputs.device,
        fill_lost=run.details.get(FILL_LOST) is True,
        capture=run.inputs.capture,
        refit=refit,
        kept=run,
    )
    return run_fit(request, progress)
