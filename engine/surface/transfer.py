"""Results from a device to host memory."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


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
