"""Tensors of networks in safetensors files: written in half the size, read as float32, and never unpickled."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.core.errors import InputError


def write_tensors(
    path: Path, state: Mapping[str, Tensor], dtype: torch.dtype, metadata: Mapping[str, str] | None = None
) -> None:
    """Write ``state`` to ``path``, floating numbers as ``dtype``."""
    save_file({key: _stored(key, value, dtype) for key, value in state.items()}, path, dict(metadata or {}) or None)
    path.chmod(0o644)  # the library leaves it readable by its owner only


def read_tensors(path: Path, missing: str = "copy the whole model folder again") -> dict[str, Tensor]:
    """What `write_tensors` wrote, in float32; counters stay whole numbers.

    Args:
        missing: what to do where there is no such file.

    Raises:
        InputError: the file is missing, damaged, or holds what is no number.
    """
    if not path.is_file():
        raise InputError(path, "is missing", missing)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(path, f"is damaged ({first_line(error)})", "copy it again") from None
    # copies, all of them: a single tensor that lies in the file keeps all of the file in memory
    state = {key: value.to(_read_as(key, value), copy=True) for key, value in state.items()}
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise InputError(path, "holds numbers that are not finite", "train it again")
    return state


def read_metadata(path: Path) -> dict[str, str]:
    """
    Raises:
        InputError: the file is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise InputError(path, f"is damaged ({first_line(error)})", "copy it again") from None


def first_line(error: Exception) -> str:
    """Of what an exception says, or else its name."""
    return str(error).strip().splitlines()[0] if str(error).strip() else error.__class__.__name__


def _stored(key: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    value = value.detach().cpu().contiguous()
    # the statistics of a batch normalisation span more than float16 does
    return value if "running_" in key or not value.is_floating_point() else value.to(dtype)


def _read_as(key: str, value: Tensor) -> torch.dtype:
    return value.dtype if key.endswith("num_batches_tracked") else torch.float32
