"""Training of a model, one stage after the other: data in, model folder out."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from engine.core.errors import InputError, Setting, Task, remedy
from engine.core.progress import Progress
from engine.dataset.fingerprint import data_note
from engine.dataset.registered import RegisteredDataset
from engine.models.checkpoint import check_replaceable, load_model, save_model
from engine.models.model import NeuralParametricModel
from engine.surface.lipschitz import measure_lipschitz
from engine.training import coordinate_run
from engine.training.config import EncoderStage, TrainingConfig, as_dict
from engine.training.encoder_stage import EncoderTraining, Kind
from engine.training.fabric import make_fabric, memory_for
from engine.training.loop import LoopResult, optimise
from engine.training.pose_stage import PoseTraining
from engine.training.shape_stage import ShapeTraining
from engine.training.stage import ModelStage, say_what_is_scarce
from engine.training.start import ANEW, Start, begin_on, check_same, check_start
from engine.training.state import read_state, state_file
from engine.training.summary import field_of, has_finished, summary

STAGES = ("shape", "pose", "shape-encoder", "pose-encoder", "coordinates")
"""In the order in which each builds on those before."""


def train_stage(
    name: str,
    dataset: RegisteredDataset,
    config: TrainingConfig,
    out: Path,
    device: torch.device,
    seed: int = 0,
    start: Start = ANEW,
    validation: RegisteredDataset | None = None,
    shape_model: Path | None = None,
    progress: Progress | None = None,
    fabric: Fabric | None = None,
) -> tuple[NeuralParametricModel, LoopResult]:
    """Train one stage and write the model with it to ``out``.

    Args:
        name: one of `STAGES`, other than that of `engine.training.coordinate_run`.
        start: what to begin from; where an earlier training would be lost, it has to say so.
        validation: held-out identities and frames, looked at now and then.
        shape_model: model whose shape part the pose stage builds on; ``out`` itself by default.
        fabric: where several processes train together; by default made for ``device`` by `make_fabric`.

    Raises:
        InputError: data are missing or damaged, a stage before is missing, an earlier training would be lost, the
            state does not fit, training diverged, memory does not suffice, or another training writes beside ``out``.
    """
    progress = progress or Progress()
    check_replaceable(out)
    check_start(out, [name], [each for each in STAGES if _note(out, each) is not None], start)
    fabric = fabric or make_fabric(device)
    fabric.barrier()  # nobody writes before all have looked
    device = fabric.device
    torch.manual_seed(seed)  # the networks and codes to begin with
    half = config.half == "on" or (config.half == "auto" and device.type == "cuda")
    with memory_for(name, device):
        with progress.may_be_left():
            stage, codes = _make_stage(name, dataset, config, half, out, device, validation, shape_model, progress)
            if start.warm is not None:
                begin_on(stage, dataset, start.warm, progress)
        say_what_is_scarce(stage, progress)
        result = optimise(stage, config, fabric, out, seed, start.resume, progress, codes)
    model = stage.model()
    told = summary(config, name, result, fabric, seed) | {"data": stage.data}
    if start.warm is not None:
        told["began_on"] = start.warm.info.name
    notes = model.info.training | {"dataset": dataset.name, field_of(name): told}
    if name == "shape":
        notes |= {"recipe": _recipe(dataset)}
        if not progress.is_hurried():  # once here, so that nobody who meshes the model has to
            with progress.may_be_left():
                notes |= {"lipschitz": measure_lipschitz(model).as_dict()}
    info = dataclasses.replace(model.info, name=Path(os.path.abspath(out)).stem, training=notes)
    model = dataclasses.replace(model, info=info)
    if fabric.is_global_zero and not (result.interrupted and has_finished(_note(out, name))):
        # a finished model is worth more than half of a new one, which the states keep
        save_model(model, out, getattr(torch, config.storage))
    fabric.barrier()
    return model, result


def train_all(
    dataset: RegisteredDataset,
    config: TrainingConfig,
    out: Path,
    device: torch.device,
    seed: int = 0,
    start: Start = ANEW,
    validation: RegisteredDataset | None = None,
    progress: Progress | None = None,
) -> dict[str, LoopResult]:
    """Train the stages of ``config`` in order; when going on from the last states, finished stages are passed over.

    Returns:
        What each stage that was trained tells; ends after one that was interrupted.

    Raises:
        InputError: as `train_stage` says; or a finished stage was trained with other data or another configuration.
    """
    progress = progress or Progress()
    trained = [each for each in STAGES if _note(out, each) is not None]
    check_start(out, stages_of(config), trained, start)
    fabric = make_fabric(device)
    results: dict[str, LoopResult] = {}
    for name in stages_of(config):
        if start.resume is not None and _is_finished(out, name, config):
            data = data_note(dataset, frames=name != "shape")
            check_same(out, name, _note(out, name) or {}, as_dict(getattr(config, field_of(name))), data)
            progress.message(f"{out}: the {name} stage is finished")
            continue
        if name == coordinate_run.NAME:
            results[name] = coordinate_run.train_coordinates(
                dataset, config, out, device, seed, start, validation, progress, fabric
            )
        else:
            _, results[name] = train_stage(
                name, dataset, config, out, device, seed, start, validation, progress=progress, fabric=fabric
            )
        if results[name].interrupted:
            break
    return results


def stages_of(config: TrainingConfig) -> Sequence[str]:
    """Names of the stages that a preset has."""
    return [name for name in STAGES if getattr(config, field_of(name)) is not None]


def _make_stage(
    name: str,
    dataset: RegisteredDataset,
    config: TrainingConfig,
    half: bool,
    out: Path,
    device: torch.device,
    validation: RegisteredDataset | None,
    shape_model: Path | None,
    progress: Progress,
) -> tuple[ModelStage, Tensor | None]:
    """The stage ``name``, and the codes (N, C) of an earlier one that it goes with."""
    if name == "shape":
        return ShapeTraining(dataset, config, half, device, validation, progress), None
    basis = _basis(name, out, shape_model, device)
    if name == "pose":
        return PoseTraining(dataset, basis, config, half, device, validation, progress), basis.shape_codes
    kind: Kind = "shape" if name == "shape-encoder" else "pose"
    encoder = _encoder_config(config, name)
    looks = config.validation
    stage = EncoderTraining(kind, dataset, basis, encoder, half, device, validation, looks, progress)
    return stage, basis.shape_codes if kind == "shape" else basis.pose_codes


def _basis(name: str, out: Path, shape_model: Path | None, device: torch.device) -> NeuralParametricModel:
    """The model that a stage builds on."""
    folder = shape_model if shape_model is not None and name == "pose" else out
    if not folder.exists():
        fix = remedy("{} first, and keep {}", Task.TRAIN_SHAPE, Setting.OUT)
        raise InputError(folder, "has no shape stage yet", fix)
    model = load_model(folder, device)
    if name == "pose-encoder" and not model.has_pose:
        fix = remedy("{} first, and keep {}", Task.TRAIN_POSE, Setting.OUT)
        raise InputError(folder, "has no pose stage yet", fix)
    return model


def _encoder_config(config: TrainingConfig, name: str) -> EncoderStage:
    field = field_of(name)
    encoder: EncoderStage | None = getattr(config, field)
    if encoder is None:
        raise InputError(f"preset {config.name}", f"has no {field}", "see the built-in presets")
    return encoder


def _is_finished(out: Path, name: str, config: TrainingConfig) -> bool:
    """Whether the model in ``out`` holds stage ``name``, trained to the end of its schedule, and no newer one began."""
    note = _note(out, name)
    total = getattr(config, field_of(name)).schedule.steps
    if note is None or note.get("interrupted", False) or note.get("steps", 0) < total:
        return False
    last = state_file(out, name, "last")
    begun_anew = last.is_file() and read_state(last).get("step", 0) < total
    return not begun_anew


def _note(out: Path, name: str) -> dict[str, Any] | None:
    """What the model in ``out`` says of the training of stage ``name``; None without a model that has that stage."""
    if not (out / "model.json").is_file():
        return None
    if name == coordinate_run.NAME:
        return coordinate_run.note(out)
    model = load_model(out)
    if getattr(model, f"{name}_codes" if name in ("shape", "pose") else field_of(name)) is None:
        return None
    note = model.info.training.get(field_of(name))
    return note if isinstance(note, dict) else {}


def _recipe(dataset: RegisteredDataset) -> dict[str, Any]:
    """How the data were made, as far as a model need know: lists of thousands of numbers stay with the data."""
    return _short(dataset.description.get("recipe", {}))


def _short(recipe: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _short(value) if isinstance(value, dict) else value
        for key, value in recipe.items()
        if not isinstance(value, dict) or len(value) < 20
    }
