"""Products of float32 matrices on the tensor cores of a GPU, as exact as float32 itself.

Tensor cores multiply numbers of 11 bits (TF32) and add up in float32. A float32 number is the sum of two of those but
for its last bits, so three products of the parts make one product of float32 (3xTF32; Ootomo and Yokota 2022,
"Recovering single precision accuracy from Tensor Cores while avoiding the FP32 theoretical peak performance"). Each
row of a result comes about in the same way whatever rows are multiplied with it.

Written in Triton, which comes with PyTorch for CUDA on Linux and compiles when it is first used.
"""

import functools
import logging
import warnings

import torch
from torch import Tensor

_log = logging.getLogger(__name__)

# The bits of a float32 that TF32 has: sign, exponent and 10 of the mantissa. Half of what the last one stands for is
# added before the others are cut off: rounding.
_BITS, _HALF = ~0x1FFF, 0x1000


@functools.cache
def are_there(device: torch.device) -> bool:
    """Whether `linear` works on ``device``: its tensor cores know TF32, and Triton compiles."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return False
    try:
        inputs = torch.linspace(0, 1, 256, device=device).view(16, 16)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Triton's, of its future defaults
            found = linear(inputs, *split(torch.eye(16, device=device)), torch.zeros(16, device=device), relu=True)
        return bool(torch.allclose(found, inputs, atol=1e-6, rtol=0))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # no Triton, no compiler, a driver too old: the library's own products remain
        _log.info("no products of TF32 on %s: %s", device, error)
        return False


def split(values: Tensor) -> tuple[Tensor, Tensor]:
    """``values``, float32, as the sum of two tensors of the same shape, the first one exact in TF32."""
    assert values.dtype == torch.float32
    values = values.contiguous()
    high = (values.view(torch.int32) + _HALF & _BITS).view(torch.float32)
    return high, values - high


def linear(inputs: Tensor, high: Tensor, low: Tensor, bias: Tensor, relu: bool) -> Tensor:  # GPU only
    """``inputs @ (high + low).T + bias``, with ``relu`` if wanted; (M, N) float32.

    Args:
        inputs: (M, K) float32
        high, low: (N, K), a `split` weight
        bias: (N,) float32
    """
    from engine.surface.tensor_core_kernel import launch

    assert inputs.ndim == high.ndim == 2 and inputs.shape[1] == high.shape[1], (inputs.shape, high.shape)
    assert high.shape == low.shape and bias.shape == high.shape[:1], (high.shape, low.shape, bias.shape)
    result = inputs.new_empty(len(inputs), len(high))
    tensors = inputs.contiguous(), high, low, bias, result
    for tensor in tensors:
        assert tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.numel() < 2**31, tensor.shape
    if len(inputs):
        with torch.cuda.device(inputs.device):  # Triton starts kernels on the current one
            launch(*tensors, relu, _BITS, _HALF)
    return result
