"""Fits as jobs, and where their runs go."""

import os
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_data_path

from engine.core.config import read_config
from engine.core.progress import Progress
from engine.core.streams import lane_stream
from engine.methods.method import FitMethod, LoadedModel, Requirements, load_method, method_names
from engine.methods.refitting import Refit, as_fitted
from engine.methods.request import FitRequest, what_lacks
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from npm_studio.session.document.document import Document
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.project import RUNS
from npm_studio.session.jobs.foreign_fits import foreign_fit, is_foreign
from npm_studio.session.jobs.runner import Work
from npm_studio.session.settings import load_settings


def new_run_folder(sequence: Path, project: Path | None = None, now: datetime | None = None) -> Path:
    """A new folder for a run of ``sequence``, named after it and the time, in `runs_folder`."""
    name = re.sub(r"[^\w.-]+", "-", sequence.resolve().name)
    stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
    endings = chain([""], (f"-{number}" for number in count(2)))  # of fits that end within a second
    folders = (runs_folder(project) / f"{name}-{stamp}{ending}" for ending in endings)
    return next(folder for folder in folders if not folder.exists())


def fit_request(
    method: FitMethod, values: Mapping[str, Any], observation: Observation, document: Document, fill_lost: bool = False
) -> FitRequest:
    """A fit of ``observation`` with the open model, whose run goes into a new folder.

    Args:
        values: fields of the configuration of ``method``
        fill_lost: whether meshes of lost frames are interpolated between their neighbours

    Raises:
        InputError: a field is missing or cannot have such a value.
    """
    config, sequence = read_config(method.config_type, values), observation.sequence
    loaded = None
    if method.requires.takes_model() and document.model is not None and document.model_folder is not None:
        loaded = LoadedModel(document.model_folder, document.model)
    out = new_run_folder(sequence.root, document.folder)
    return FitRequest(method, config, sequence, out, loaded, fill_lost=fill_lost, capture=observation.capture)


def refit_request(run: Run, rows: range, observation: Observation, document: Document) -> FitRequest:
    """The frames ``rows`` of ``run`` again, of its recording as it is open; its run goes into a new folder.

    Raises:
        InputError: the method or the model of the run is not there, or its recording has other frames now.
    """
    method, sequence = load_method(run.method), as_fitted(observation.sequence, run)
    config = read_config(method.config_type, dict(run.inputs.config))
    assert document.model is not None and document.model_folder is not None
    loaded, out = LoadedModel(document.model_folder, document.model), new_run_folder(sequence.root, document.folder)
    capture, refit = run.inputs.capture, Refit(run, rows)
    return FitRequest(method, config, sequence, out, loaded, seed=run.inputs.seed, capture=capture, refit=refit)


def lacks_to_refit(run: Run | None, rows: range | None, observation: Observation | None, document: Document) -> str:
    """Why the frames ``rows`` of ``run`` cannot be fitted again, in words; nothing when they can."""
    if run is None or observation is None or rows is None:
        return "Mark some frames of a run first."
    if not run.is_complete:
        return "Wait until the run has its meshes and its verdict."
    if len(rows) >= len(run.frames):
        return "No other frames would be left to lead these: fit all of it again."
    if run.method not in method_names() or not getattr(load_method(run.method), "refits", False):
        return "The method of this run cannot fit some frames again."
    if document.model_folder is None or run.inputs.model is None:
        return "Open the model of the run first."
    if document.model_folder.resolve() != run.inputs.model.resolve():
        return f"Open the model of the run first: {run.inputs.model.stem}."
    if observation.capture.as_dict() != run.inputs.capture.as_dict():
        return "The recording is open in another way now than when it was fitted."
    if observation.sequence.frame_names != run.frame_names:
        return "The run has other frames than the recording."
    return ""


def what_lacks_here(needs: Requirements, model: NeuralParametricModel | None) -> str:
    """What a method with ``needs`` lacks on this machine, in words; nothing when it can be chosen."""
    return what_lacks(needs, model) or ("a GPU" if needs.gpu and not torch.cuda.is_available() else "")


def what_to_do_first(method: FitMethod, observation: Observation | None, model: NeuralParametricModel | None) -> str:
    """A sentence about what must happen before ``method`` can begin; nothing when it can."""
    if observation is None:
        return "Open a depth sequence first."
    lacking = what_lacks_here(method.requires, model)
    if lacking:
        return (
            f"Open {lacking} first."
            if method.requires.takes_model() and "model" in lacking
            else f"This needs {lacking}."
        )
    if method.requires.takes_model() and model is not None and not observation.is_placed_for(model):
        return "The subject is being placed for this model."
    return ""


def fit_work(request: FitRequest) -> Work:
    """The work of a fit; its result is a `engine.methods.run.Run`."""

    def work(progress: Progress) -> object:
        from engine.methods.job import run_fit

        if is_foreign(request):
            return foreign_fit(request, progress)
        if request.model is None:
            return run_fit(request, progress)
        with torch.cuda.stream(lane_stream(request.model.model.device, "fits")):
            return run_fit(request, progress)

    return work


def runs_folder(project: Path | None = None) -> Path:
    """Where runs go: into the folder of the ``project``, else that of the settings, else the user's data folder."""
    if project is not None:
        return project / RUNS
    chosen = load_settings().runs_folder
    if chosen is not None and os.access(chosen, os.W_OK):
        return chosen
    return user_data_path("npm-studio", appauthor=False) / RUNS
