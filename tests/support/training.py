"""What tests of training share: a preset of networks that train in no time, their dataset, and listeners."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from engine.core.progress import Progress
from engine.dataset.pools import pools_folder
from engine.dataset.preparation.sdf_pools import prepare_pools
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.models.model import NeuralParametricModel
from engine.training.config import TrainingConfig, load_training_config
from engine.training.fabric import make_fabric
from engine.training.pose_stage import PoseTraining
from engine.training.shape_stage import ShapeTraining
from engine.training.stepper import Stepper
from tests.support.ellipsoids import write_ellipsoids

CPU = torch.device("cpu")
PRESET = """
name: ellipsoids
shape:
  code_size: 8
  decoder: {width: 32, layers: 3, skip_layer: 1, full_width_skip: true, frequencies: 2}
  identities_per_batch: 2
  points_per_identity: 128
  schedule: {steps: 12, network_rate: 3.0e-3, warmup: 2}
pose:
  code_size: 8
  decoder: {width: 32, layers: 3, skip_layer: 1, full_width_skip: true, frequencies: 2}
  frames_per_batch: 5
  points_per_frame: 64
  schedule: {steps: 12, network_rate: 3.0e-3, codes_rate: 5.0e-3, warmup: 2}
shape_encoder: {resolution: 16, channels: [2, 4], frames_per_batch: 4, schedule: {steps: 5}}
pose_encoder:
  {resolution: 16, channels: [2, 4], frames_per_batch: 4, surface_points: 8, surface_weight: 0.5, schedule: {steps: 5}}
coordinates: {size: 16, channels: [4, 8], heads: 2, crops_per_batch: 4, schedule: {steps: 5}}
validation: {every: 6, rows: 2, fit_steps: 3}
"""
LONGER = {
    **{f"{stage}.schedule.steps": "110" for stage in ("shape", "pose")},
    **{f"{stage}.decoder.width": "64" for stage in ("shape", "pose")},
    "shape.identities_per_batch": "3",
    "shape.points_per_identity": "512",
    "pose.frames_per_batch": "12",
    "pose.points_per_frame": "256",
    "validation.every": "1000",
}
"""Overrides with which the figures become small."""


def tiny_config(folder: Path, **overrides: str) -> TrainingConfig:
    """`PRESET` with overrides, whose dots are written as two underscores."""
    path = folder / f"preset-{os.getpid()}.yaml"  # of its own in each of several processes
    path.write_text(PRESET)
    return load_training_config(path, {name.replace("__", "."): value for name, value in overrides.items()})


def longer_config(folder: Path, **overrides: str) -> TrainingConfig:
    """`tiny_config` with `LONGER`."""
    return tiny_config(folder, **LONGER, **overrides)


def prepared_ellipsoids(root: Path, identities: int = 3) -> RegisteredDataset:
    """Ellipsoids of `tests.support.ellipsoids` with pools."""
    dataset = load_registered_dataset(write_ellipsoids(root, identities))
    prepare_pools(dataset, (4000, 2000, 1000))
    return dataset


def spoil_pool(dataset: RegisteredDataset, identity: int) -> None:
    """Make the distances of one identity's pool not a number."""
    path = pools_folder(dataset, identity) / "near.npy"
    pool = np.array(np.load(path))
    pool[:, 3] = np.nan
    np.save(path, pool)


def decoder_stage(
    name: str, dataset: RegisteredDataset, config: TrainingConfig, seed: int = 0
) -> ShapeTraining | PoseTraining:
    """The shape stage, or the pose stage on a shape stage that has learned nothing."""
    torch.manual_seed(seed)
    shape = ShapeTraining(dataset, config, False, CPU, None, Progress())
    return shape if name == "shape" else PoseTraining(dataset, shape.model(), config, False, CPU, None, Progress())


def make_stepper(stage: Any, seed: int = 0, fabric: Fabric | None = None) -> Stepper:
    """An eager stepper on the CPU."""
    return Stepper(stage, fabric or make_fabric(CPU), seed, False, Progress())


def same_networks(first: NeuralParametricModel, second: NeuralParametricModel) -> bool:
    """Whether two models are equal to the last bit, codes and encoders included."""
    one, two = (
        {
            f"{name}.{key}": value
            for name in ("shape_decoder", "pose_decoder", "shape_encoder", "pose_encoder", "coordinate_network")
            if getattr(model, name) is not None
            for key, value in getattr(model, name).state_dict().items()
        }
        | {name: getattr(model, name) for name in ("shape_codes", "pose_codes") if getattr(model, name) is not None}
        for model in (first, second)
    )
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
