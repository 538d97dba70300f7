"""In which numbers decoders are evaluated."""

from typing import Literal

import torch

from engine.surface import tensor_cores

Products = Literal["float32", "tf32", "split", "half"]


def kind_of_products(device: torch.device, half: bool) -> Products:
    """Products of `half_type` (half), or of float32: the library's (float32), on tensor cores without loss (split), or
    on tensor cores with less precision (tf32), where somebody has allowed PyTorch that.
    """
    if half:
        return "half"
    if device.type == "cuda" and torch.get_float32_matmul_precision() != "highest":
        return "tf32"
    return "split" if tensor_cores.are_there(device) else "float32"


def half_type(device: torch.device) -> torch.dtype:
    """The 16 bits in which hidden layers run in half precision.

    A GPU multiplies float16 as fast as bfloat16 and rounds it eight times finer, as fine as TF32; hidden values of
    these networks are far from its limits. CPUs multiply bfloat16 only.
    """
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def half_is_fast(device: torch.device) -> bool:
    """Whether ``device`` multiplies matrices of `half_type` in hardware."""
    return device.type == "cuda" or bfloat16_is_fast(device)


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
