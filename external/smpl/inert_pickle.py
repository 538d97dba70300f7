"""Pickles as data: what an object was called with and its state are kept, nothing of it is ever called.

The official SMPL and MANO files are pickles written by Python 2, with numpy arrays, scipy sparse matrices and objects
of the automatic differentiation library chumpy. Every global that such files name is mapped to an `Inert` record; any
other global is refused. Arrays are then put together here from their raw bytes.
"""

import mmap
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError

_LARGEST_FILE = 2**30  # bytes; the largest official model file, SMPL-X, has 0.55 GB
_LARGEST_DENSE = 2**24  # entries of a sparse matrix written out; SMPL-X has 0.6 million
_DEEPEST = 8  # chumpy objects in one another; the official files have two
_REMEDY = "use the file as its authors published it, or its .npz version"


class Inert:
    """Stands for an object of an allowed global, and for a call of it: its arguments and state, without behaviour."""

    kind = ""
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> "Inert":
        self = object.__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _stand_ins() -> dict[tuple[str, str], type[Inert]]:
    names = {
        "array": [(f"{numpy}.multiarray", "_reconstruct") for numpy in ("numpy.core", "numpy._core")],
        "buffer": [(f"{numpy}.numeric", "_frombuffer") for numpy in ("numpy.core", "numpy._core")],
        "scalar": [(f"{numpy}.multiarray", "scalar") for numpy in ("numpy.core", "numpy._core")],
        "type": [("numpy", "ndarray")],
        "dtype": [("numpy", "dtype")],
        "csc": [(f"scipy.sparse.{module}", "csc_matrix") for module in ("csc", "_csc")],
        "csr": [(f"scipy.sparse.{module}", "csr_matrix") for module in ("csr", "_csr")],
        "Ch": [("chumpy.ch", "Ch"), ("chumpy", "Ch")],
        "Select": [("chumpy.reordering", "Select")],
        "Reshape": [("chumpy.reordering", "Reshape")],
        "instance": [(module, "_reconstructor") for module in ("copy_reg", "copyreg")],
        "plain": [(module, name) for module in ("__builtin__", "builtins") for name in ("object", "set")],
        "bytes": [("_codecs", "encode")],
    }
    return {name: type("Inert", (Inert,), {"kind": kind}) for kind, group in names.items() for name in group}


_STAND_INS = _stand_ins()


def numpy_stand_ins() -> dict[str, type[Inert]]:
    """Records for the globals of NumPy's arrays and numbers, by their full names."""
    return {f"{module}.{name}": kind for (module, name), kind in _STAND_INS.items() if module.startswith("numpy")}


class _Unpickler(pickle._Unpickler):
    """The unpickler in Python: its memo is a dictionary, where the one in C allocates by an index from the file."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"names {module}.{name}, which has no place in such a file") from None


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary that a pickle holds, with `Inert` records for all that is not a plain value.

    Raises:
        InputError: the file is missing, too large, truncated, no dictionary, or names a global that is not expected;
            nothing of it has been called then.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise InputError(path, f"has {size / 1e9:.1f} GB, more than any such file", _REMEDY)
        if size == 0:
            raise InputError(path, "is empty", _REMEDY)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            value = _Unpickler(content, encoding="bytes").load()  # type: ignore[arg-type]
    except (InputError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(path, "no such file") from None
        raise
    except pickle.UnpicklingError as error:
        raise InputError(path, f"is refused: it {error}", _REMEDY) from None
    except Exception:  # a damaged pickle may fail in any way
        raise InputError(path, "is truncated or not a readable pickle", _REMEDY) from None
    if not isinstance(value, dict):
        raise InputError(path, f"holds a {type(value).__name__}, not a dictionary", _REMEDY)
    return {text(key): item for key, item in value.items()}


def text(value: Any) -> str:
    """A string of Python 2 or 3 as text; other values by their representation."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def as_array(value: Any, depth: int = 0) -> NDArray[Any]:
    """The numbers of ``value``: an array, a sparse matrix written out, or what a chumpy object was computed from.

    Raises:
        ValueError: it is something else, or its parts do not fit together; the message says what.
    """
    if depth > _DEEPEST:
        raise ValueError("its chumpy objects are nested too deeply")
    if isinstance(value, (list, tuple, int, float)):
        return np.asarray(value, np.float64)
    if not isinstance(value, Inert):
        raise ValueError(f"is a {type(value).__name__}, not an array")
    kind = value.kind
    if kind == "instance":  # an object written by the oldest protocol: its class is the first argument
        kind = getattr(value.arguments[0], "kind", "") if value.arguments else ""
    if kind == "array":
        _, shape, dtype, fortran, raw = value.state
        return _dense(raw, dtype, shape, "F" if fortran else "C")
    if kind == "buffer":
        raw, dtype, shape, order = value.arguments
        return _dense(raw, dtype, shape, text(order))
    if kind == "scalar":
        dtype, raw = value.arguments
        return _dense(raw, dtype, (), "C")
    state = {text(key): item for key, item in value.state.items()} if isinstance(value.state, dict) else {}
    if kind in ("csc", "csr"):
        return _written_out(state, kind, depth)
    return _computed(state, kind, depth)


def _computed(state: dict[str, Any], kind: str, depth: int) -> NDArray[Any]:
    """The numbers of a chumpy object."""
    if kind == "Ch" and "x" in state:
        return as_array(state["x"], depth + 1)
    if kind == "Select" and "a" in state and "idxs" in state:
        selected = as_array(state["a"], depth + 1).ravel()[_integers(state["idxs"], depth)]
        return selected.reshape(_shape(state["preferred_shape"])) if "preferred_shape" in state else selected
    if kind == "Reshape" and "a" in state and "newshape" in state:
        return as_array(state["a"], depth + 1).reshape(_shape(state["newshape"]))
    raise ValueError("is not an array, sparse matrix or plain chumpy object")


def _dense(raw: Any, dtype: Any, shape: Any, order: str) -> NDArray[Any]:
    if isinstance(raw, Inert) and raw.kind == "bytes":  # bytes of Python 3 in an old protocol
        raw = raw.arguments[0].encode("latin1")
    if not isinstance(raw, (bytes, bytearray)):
        raise ValueError("is an array of objects, not of numbers")
    if not isinstance(dtype, Inert) or dtype.kind != "dtype" or not dtype.arguments:
        raise ValueError("has an unknown number type")
    code = text(dtype.arguments[0])
    if not re.fullmatch(r"[<>|=]?[fiub][1248]", code) or code.endswith("f1"):
        raise ValueError(f"is an array of type {code}, not of numbers")
    if isinstance(dtype.state, tuple) and len(dtype.state) > 1 and text(dtype.state[1]) in ("<", ">"):
        code = text(dtype.state[1]) + code.lstrip("<>|=")
    if order not in ("C", "F"):
        raise ValueError("is stored in an unknown order")
    return np.frombuffer(raw, np.dtype(code)).reshape(_shape(shape, anything=False), order=order)  # type: ignore[call-overload, no-any-return]


def _shape(value: Any, anything: bool = True) -> tuple[int, ...]:
    """A tuple of at most four sizes; one may be -1 if ``anything``."""
    sizes = (value,) if isinstance(value, int) else tuple(value)
    if len(sizes) > 4 or not all(isinstance(s, int) and s >= (-1 if anything else 0) for s in sizes):
        raise ValueError("has no proper shape")
    return sizes


def _integers(value: Any, depth: int) -> NDArray[np.int64]:
    array = as_array(value, depth + 1)
    integers = array.astype(np.int64)
    if array.size and not np.array_equal(array, integers):
        raise ValueError("has indices that are not whole numbers")
    return integers


def _written_out(state: Mapping[str, Any], kind: str, depth: int) -> NDArray[Any]:
    """Dense matrix of the compressed columns (csc) or rows (csr) in ``state``."""
    rows, columns = _shape(state.get("_shape", state.get("shape", ())), anything=False)
    if rows * columns > _LARGEST_DENSE:
        raise ValueError(f"is a matrix of {rows} x {columns}")
    data = as_array(state["data"], depth + 1)
    minor, pointers = _integers(state["indices"], depth), _integers(state["indptr"], depth)
    major_count, minor_count = (columns, rows) if kind == "csc" else (rows, columns)
    counts = np.diff(pointers)
    fits = pointers.shape == (major_count + 1,) and (counts >= 0).all() and pointers[0] == 0
    if not (fits and data.shape == minor.shape == (pointers[-1],)):
        raise ValueError("is a sparse matrix whose parts do not fit together")
    if len(minor) and not (minor.min() >= 0 and minor.max() < minor_count):
        raise ValueError("is a sparse matrix with indices outside of it")
    dense = np.zeros((major_count, minor_count), data.dtype)
    np.add.at(dense, (np.repeat(np.arange(major_count), counts), minor), data)
    return dense.T if kind == "csc" else dense
