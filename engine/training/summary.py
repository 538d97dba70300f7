"""What a model says of the training of its stages."""

from typing import Any

import torch
from lightning_fabric import Fabric

from engine.training.config import TrainingConfig, as_dict
from engine.training.loop import LoopResult


def field_of(name: str) -> str:
    """What a configuration and a model call the stage ``name``."""
    return name.replace("-", "_")


def has_finished(note: dict[str, Any] | None) -> bool:
    """Whether a model with this note has the stage, and not from a training that was interrupted."""
    return note is not None and not note.get("interrupted", False)


def summary(config: TrainingConfig, name: str, result: LoopResult, fabric: Fabric, seed: int) -> dict[str, Any]:
    device = fabric.device
    return {
        "config": as_dict(getattr(config, field_of(name))),
        "steps": result.steps,
        "interrupted": result.interrupted,
        "seconds": round(result.seconds, 1),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "devices": fabric.world_size,
        "torch": torch.__version__,
        "seed": seed,
        "final": {key: round(value, 7) for key, value in result.metrics.items()},
        "validation": {key: round(value, 7) for key, value in result.validation.items()},
    }
