"""Fits as jobs, and where their runs go."""

import os
import re
from datetime import datetime
from pathlib import Path

import torch
from platformdirs import user_data_path

from engine.core.progress import Progress
from engine.core.streams import lane_stream
from engine.methods.job import FitRequest
from engine.methods.npm.config import FitConfig
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from npm_studio import resources
from npm_studio.jobs.runner import Work


def fit_request(
    sequence: Path,
    model: Path,
    config: FitConfig,
    capture: CaptureOptions = AS_RECORDED,
    now: datetime | None = None,
) -> FitRequest:
    """A fit of ``sequence`` whose run goes into a new folder of `runs_folder`.

    ``capture`` says how the sequence was opened.
    """
    name = re.sub(r"[^\w.-]+", "-", sequence.resolve().name)
    stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
    return FitRequest(sequence, model, runs_folder(sequence) / f"{name}-{stamp}", config, capture=capture)


def fit_work(request: FitRequest, model: NeuralParametricModel, sequence: DepthSequence | None = None) -> Work:
    """The work of fitting a loaded model to an open sequence; its result is a `engine.methods.run.Run`."""

    def work(progress: Progress) -> object:
        from engine.methods.job import run_fit

        with torch.cuda.stream(lane_stream(model.device, "fits")):
            return run_fit(request, progress, model, sequence)

    return work


def runs_folder(sequence: Path) -> Path:
    """``runs`` beside the sequence, or the user's data folder when that is not a place to write to."""
    beside = sequence.resolve().parent
    built_in = resources.demo_sequence().resolve().parent
    if beside != built_in and os.access(beside, os.W_OK):
        return beside / "runs"
    return user_data_path("npm-studio", appauthor=False) / "runs"
