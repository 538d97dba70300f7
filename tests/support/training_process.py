"""One of several processes that train together; `test_training_processes.py` starts them through torchrun.

``torchrun ... tests/support/training_process.py DATASET FOLDER``; what they see is written to ``FOLDER``.
"""

import json
import os
import sys
from pathlib import Path

import torch

from engine.dataset.registered import load_registered_dataset
from engine.training.fabric import make_fabric
from engine.training.run import train_stage
from tests.support.progress import Impatient, Listener
from tests.support.training import CPU, decoder_stage, make_stepper, tiny_config

STEPS = 20


def figures_and_codes(root: Path, folder: Path) -> None:
    """Figures of each of `STEPS` steps of both decoders, their codes and networks, to ``<processes>.pt``."""
    fabric, dataset = make_fabric(CPU), load_registered_dataset(root)
    config = tiny_config(
        folder,
        shape__schedule__steps=str(STEPS),
        pose__schedule__steps=str(STEPS),
        pose__frames_per_batch="6",
        shape__eikonal_weight="0.01",
        shape__gradient_points="16",
    )
    seen = {}
    for name in ("shape", "pose"):
        stage = decoder_stage(name, dataset, config)
        stepper = make_stepper(stage, 3, fabric)
        figures = []
        for _ in range(STEPS):
            stepper.step()
            figures.append(stepper.metrics())
        seen[name] = {"figures": figures, "codes": stage.codes, "network": stage.network.state_dict()}
    if fabric.is_global_zero:
        torch.save(seen, folder / f"{fabric.world_size}.pt")


def stop_together(root: Path, folder: Path) -> None:
    """Steps after which each process stops when only the last one is asked to, to ``stopped-<process>.json``."""
    fabric, dataset = make_fabric(CPU), load_registered_dataset(root)
    asked = fabric.global_rank == fabric.world_size - 1
    config = tiny_config(folder, shape__schedule__steps="100000")
    progress = Impatient(2) if asked else Listener()
    out = folder / "together.npm"
    _, result = train_stage("shape", dataset, config, out, CPU, progress=progress, fabric=fabric)
    (folder / f"stopped-{fabric.global_rank}.json").write_text(json.dumps([result.steps, result.interrupted]))


if __name__ == "__main__":
    assert "RANK" in os.environ, "start this with torchrun"
    for part in (figures_and_codes, stop_together):
        part(Path(sys.argv[1]), Path(sys.argv[2]))
