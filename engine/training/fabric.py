"""Processes that train together."""

import os

import torch
from lightning_fabric import Fabric


def make_fabric(device: torch.device) -> Fabric:
    """Fabric for ``device``, or for all processes that torchrun or `fabric run` started, one device each."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        index = [device.index or 0] if device.type == "cuda" else 1
        fabric = Fabric(accelerator=device.type, devices=index)
    else:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
        fabric = Fabric(accelerator=device.type, devices=local, num_nodes=processes // local, strategy="ddp")
    fabric.launch()
    return fabric
