"""Tensors out of files written by ``torch.save``, which is a pickle in a zip archive: without running any of it.

The file is memory-mapped and read by PyTorch's restricted reader; every tensor is then checked against the size of the
file before it is copied. Training programs also leave NumPy numbers, arguments, paths and dates in their checkpoints:
these become inert records, and nothing that they name is called.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.core.errors import InputError
from external.smpl.inert_pickle import Inert, as_array, numpy_stand_ins

_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
_PLAIN = (
    *("argparse.Namespace", "datetime.datetime", "datetime.timedelta"),
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in _PATHS),
)
"""Globals of values beside the networks, which nobody reads."""
_REMEDY = "use the file as the published NPM code wrote it"
_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def read_archive(path: Path) -> dict[str, Any]:
    """The dictionary that ``torch.save`` wrote to ``path``; its tensors lie in the file, see `float_tensors`.

    Raises:
        InputError: the file is missing, damaged, of an old version of PyTorch, or holds anything else than
            dictionaries, lists, numbers, text and tensors.
    """
    if not path.is_file():
        raise InputError(path, "is a folder" if path.is_dir() else "no such file", "name a checkpoint, FILE.tar")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise InputError(
            path, "is truncated, or not a checkpoint of PyTorch 1.6 or newer", "download it again, or save it again"
        ) from None
    # torch.save stores; a compressed entry may be as large as it likes once it is read
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise InputError(path, "is a compressed archive, not a checkpoint", _REMEDY)
    try:
        with torch.serialization.safe_globals(_stand_ins()):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (Exception, RecursionError):  # a damaged or hostile pickle may raise anything
        raise _refusal(path) from None
    if not isinstance(content, dict):
        raise InputError(path, "is not a checkpoint: it holds no dictionary", _REMEDY)
    return content


def number(value: Any) -> Any:
    """A NumPy number as one of Python; other values as they are."""
    if not isinstance(value, Inert):
        return value
    try:
        return as_array(value).item()
    except Exception:  # parts of a damaged pickle may fail in any way
        return None


def _stand_ins() -> list[Any]:
    inert = {name: type("Inert", (Inert,), {"kind": "unread"}) for name in _PLAIN}
    return [(kind, name) for name, kind in {**numpy_stand_ins(), **inert}.items()]


def _refusal(path: Path) -> InputError:
    """Why the restricted reader did not read ``path``."""
    known = set(dict(_stand_ins()).values())
    try:
        names = sorted(set(torch.serialization.get_unsafe_globals_in_checkpoint(path)) - known)
    except (Exception, RecursionError):
        names = []
    if not names:
        return InputError(path, "is damaged, or holds other things than tensors, numbers and text", _REMEDY)
    problem = f"holds other things than tensors, numbers and text: {', '.join(names)[:200]}"
    return InputError(path, problem, "where it comes from, save the entries of the networks and codes alone")


def float_tensors(values: Any, path: Path, what: str) -> dict[str, Tensor]:
    """The tensors of a dictionary of `read_archive` as float32 copies, counters (integers of no dimension) as they are.

    Raises:
        InputError: ``values`` is no dictionary of tensors, one of them is larger than the file, or not finite.
    """
    if not isinstance(values, Mapping) or not values:
        raise InputError(path, f"'{what}' is not a dictionary of tensors", _REMEDY)
    room = path.stat().st_size
    checked: dict[str, Tensor] = {}
    for name, value in values.items():
        value = _tensor(value)
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout is not torch.strided:
            raise InputError(path, f"'{what}' holds something other than tensors", _REMEDY)
        size = value.numel() * value.element_size()
        if value.device.type != "cpu" or value.is_quantized or size > value.untyped_storage().nbytes():
            raise InputError(path, f"'{what}' has in {_short(name)} a tensor that is not stored in full", _REMEDY)
        room -= size  # many names for one stored tensor would be more than the file
        if room < 0:
            raise InputError(path, f"'{what}' has more numbers than the file can hold", _REMEDY)
        if value.dtype == torch.int64 and value.ndim == 0:
            checked[name] = value.clone()
            continue
        if value.dtype not in _FLOATS:
            raise InputError(path, f"'{what}' has in {_short(name)} no floating-point numbers", _REMEDY)
        copy = value.detach().to(torch.float32, copy=True).contiguous()
        if not bool(torch.isfinite(copy).all()):
            raise InputError(path, f"'{what}' has in {_short(name)} numbers that are not finite", "train it again")
        checked[name] = copy
    return checked


def _tensor(value: Any) -> Any:
    """A NumPy array as a tensor; other values as they are."""
    if not isinstance(value, Inert) or value.kind != "array":
        return value
    try:
        return torch.from_numpy(as_array(value).astype(np.float32))
    except Exception:  # parts of a damaged pickle may fail in any way
        return None


def _short(name: str) -> str:
    return repr(name[:60])
