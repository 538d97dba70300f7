"""Training of a coordinate network: into a model, or into a file that several models of a class share."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from engine.core.errors import InputError, Setting, Task, remedy
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset
from engine.models.checkpoint import load_model, save_model
from engine.models.coordinate_file import CoordinateNetworkFile, read_coordinate_network, write_coordinate_network
from engine.models.model import NeuralParametricModel
from engine.models.networks.coordinates import CoordinateNetwork
from engine.training.config import CoordinateStage, TrainingConfig
from engine.training.coordinate_stage import CoordinateTraining
from engine.training.fabric import make_fabric, memory_for
from engine.training.loop import LoopResult, optimise
from engine.training.stage import say_what_is_scarce
from engine.training.start import ANEW, Start, check_start
from engine.training.summary import has_finished, summary

NAME = CoordinateTraining.name


def train_coordinates(
    dataset: RegisteredDataset,
    config: TrainingConfig,
    out: Path,
    device: torch.device,
    seed: int = 0,
    start: Start = ANEW,
    validation: RegisteredDataset | None = None,
    progress: Progress | None = None,
    fabric: Fabric | None = None,
) -> LoopResult:
    """Train the network that a preset describes and write it to ``out``.

    Args:
        out: a file ``NAME.safetensors``, for which nothing else is needed; or the folder of a model, which gets it.
        start: what to begin from; where an earlier training would be lost, it has to say so.
        validation: held-out frames, looked at now and then.
        fabric: where several processes train together; by default made for ``device``.

    Raises:
        InputError: as `engine.training.run.train_stage` says; or ``out`` is neither, or a model of other data.
    """
    progress = progress or Progress()
    stage_config = _stage_config(config)
    base = None if is_file(out) else _base(out, dataset)
    check_start(out, [NAME], [NAME] if note(out) is not None else [], start)
    fabric = fabric or make_fabric(device)
    fabric.barrier()  # nobody writes before all have looked
    device = fabric.device
    torch.manual_seed(seed)  # the network to begin with
    half = config.half == "on" or (config.half == "auto" and device.type == "cuda")
    with memory_for(NAME, device):
        with progress.may_be_left():
            stage = CoordinateTraining(dataset, stage_config, half, device, validation, config.validation, progress)
            if start.warm is not None:
                _begin_on(stage, start.warm, progress)
        say_what_is_scarce(stage, progress)
        result = optimise(stage, config, fabric, out, seed, start.resume, progress)
    notes = summary(config, NAME, result, fabric, seed) | {"data": stage.data}
    if fabric.is_global_zero and not (result.interrupted and has_finished(note(out))):
        _write(stage.learned(), notes, dataset, base, out, config)
    fabric.barrier()
    return result


def is_file(out: Path) -> bool:
    """Whether ``out`` is to be a file of its own, not a part of a model."""
    return out.suffix == ".safetensors"


def note(out: Path) -> dict[str, Any] | None:
    """What the network in ``out`` says of its training; None where there is none."""
    if is_file(out):
        return dict(read_coordinate_network(out).training) if out.is_file() else None
    if not (out / "model.json").is_file():
        return None
    model = load_model(out)
    if model.coordinate_network is None:
        return None
    return dict(model.info.training.get(NAME, {}))


def _stage_config(config: TrainingConfig) -> CoordinateStage:
    if config.coordinates is None:
        raise InputError(f"preset {config.name}", f"has no {NAME}", "see the built-in presets")
    return config.coordinates


def _base(out: Path, dataset: RegisteredDataset) -> NeuralParametricModel:
    """The model that gets the network."""
    if not out.exists():
        fix = remedy(
            "{} first and keep {}, or name a file NAME.safetensors, which needs no model", Task.TRAIN_SHAPE, Setting.OUT
        )
        raise InputError(out, "is no model yet", fix)
    model = load_model(out)
    mine, its = dataset.similarity, model.info.similarity
    if abs(mine.scale / its.scale - 1) > 1e-4 or mine.centre != its.centre:
        raise InputError(out, f"lives in another canonical space than {dataset.root}", "train with data like its own")
    return model


def _begin_on(stage: CoordinateTraining, model: NeuralParametricModel, progress: Progress) -> None:
    if model.coordinate_network is None:
        progress.message(f"model {model.info.name} has no coordinate network to begin on")
        return
    try:
        stage.begin_on(model.coordinate_network)
    except RuntimeError:
        problem = "has a coordinate network of other size than the preset asks for"
        raise InputError(f"model {model.info.name}", problem, "train with the preset of that model") from None


def _write(
    network: CoordinateNetwork,
    notes: dict[str, Any],
    dataset: RegisteredDataset,
    base: NeuralParametricModel | None,
    out: Path,
    config: TrainingConfig,
) -> None:
    network = copy.deepcopy(network).cpu()
    if base is None:
        file = CoordinateNetworkFile(network, dataset.category, dataset.licence, dataset.similarity, notes)
        write_coordinate_network(file, out)
        return
    info = dataclasses.replace(base.info, training={**base.info.training, NAME: notes})
    model = dataclasses.replace(base, info=info, coordinate_network=network)
    save_model(model, out, getattr(torch, config.storage))
