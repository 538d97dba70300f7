"""Processes that train together, and the memory of their devices."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric

from engine.core.errors import Choice, InputError, Setting, Task, remedy


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


@contextmanager
def memory_for(name: str, device: torch.device) -> Iterator[None]:
    """The stage ``name`` is trained on ``device``.

    Raises:
        InputError: the data do not fit in its memory; of a step that is too large, the loop takes care.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        fix = remedy("{}, or use {}", Task.SUBSAMPLE, Choice(Setting.DEVICE, "cpu"))
        raise InputError(f"train {name}", f"the data do not fit in the memory of {device}", fix) from None
