"""Choice of the computing device, and results from it to host memory."""

import logging
import platform
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import Choice, InputError, Setting, remedy

_log = logging.getLogger(__name__)

_NAMES = "use auto, cpu, cuda or cuda:N"


def resolve_device(name: str = "auto") -> torch.device:
    """Device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` takes a GPU when there is one.

    Raises:
        InputError: the name is unknown or the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(Choice(Setting.DEVICE, name), "no such device", _NAMES) from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(Choice(Setting.DEVICE, name), "not supported", _NAMES)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        fix = remedy("use {}", Choice(Setting.DEVICE, "cpu"))
        raise InputError(Choice(Setting.DEVICE, name), f"PyTorch sees {count} CUDA devices here", fix)
    _log.info("device %s: %s", device, describe_device(device))
    return device


def describe_device(device: torch.device) -> str:
    """The name of a GPU, or the kind of CPU and how many threads PyTorch uses."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} CPU, {torch.get_num_threads()} threads"


def to_host(*tensors: Tensor) -> list[NDArray[Any]]:
    """``tensors`` of one device as arrays; the host waits for a GPU once.

    A GPU writes to page-locked memory several times faster than to other memory, and without help of the host.
    PyTorch keeps such memory for the next call when an array is given up.
    """
    if not tensors[0].is_cuda:
        return [tensor.numpy() for tensor in tensors]
    arrays = []
    for tensor in tensors:
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=True)
        arrays.append(copy.copy_(tensor, non_blocking=True).numpy())
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return arrays
