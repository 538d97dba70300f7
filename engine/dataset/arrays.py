"""Arrays on disk that a user may have touched, and the samples that a store may hand out with its meshes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Remedy, Task, in_words, remedy

MAKE_AGAIN = remedy("to make it, {}", Task.MAKE_DATASET)


def load_array(path: Path, fix: str | Remedy = MAKE_AGAIN) -> NDArray[Any]:
    """Memory-mapped array of ``path``.

    Raises:
        InputError: the file is missing, truncated or not a plain npy file.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(path, "is missing", fix) from None
    except OSError as error:
        raise InputError(path, f"cannot be read{in_words(error)}", fix) from None
    except Exception:  # headers fail in many ways
        raise InputError(path, "is truncated or not a readable npy file", fix) from None
    return array


@dataclass(frozen=True, eq=False)
class SdfPools:
    """The pools of one identity; shapes as in `engine.dataset.pools`."""

    near: NDArray[np.float32]
    uniform: NDArray[np.float32]
    surface: NDArray[np.float32]
