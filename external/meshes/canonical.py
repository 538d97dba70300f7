"""Finding the canonical mesh among the files or frames of a subject."""

import re
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_NAMES = re.compile(r"(^|[^a-z])(canonical|a?_?t[_-]?pose|a[_-]?pose|rest([_-]?pose)?|neutral|template)([^a-z]|$)")


def is_canonical_name(name: str) -> bool:
    """Whether a file or folder is called as canonical meshes are: canonical, tpose, a_t_pose, rest, template, ..."""
    return _NAMES.search(name.lower()) is not None


def spread(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean squared distance (...) of vertices (..., V, 3) from their centre.

    It is largest where limbs are stretched away from each other, so that no parts touch: a good canonical pose when
    none was recorded.
    """
    centred = vertices - vertices.mean(axis=-2, keepdims=True)
    result: NDArray[np.floating] = np.square(centred).sum(-1).mean(-1)
    return result


def most_spread(sequences: Iterable[NDArray[np.floating]]) -> tuple[int, int]:
    """Sequence and frame of the mesh with the largest `spread` among sequences of (F, V, 3)."""
    best, place = -1.0, (0, 0)
    for number, frames in enumerate(sequences):
        values = spread(np.asarray(frames, np.float64))
        frame = int(values.argmax())
        if values[frame] > best:
            best, place = float(values[frame]), (number, frame)
    return place


def common_choice(spreads: Mapping[str, Mapping[str, float]]) -> str | None:
    """The file that serves every identity as canonical mesh: of those that all have, the most spread on average.

    Canonical meshes have to be in one pose. What each identity does most widely need not be: one stands, one rears.

    Args:
        spreads: `spread` of each file, by identity and by the file's path inside the folder of the identity

    Returns:
        None where the identities have no file in common.
    """
    common = set.intersection(*(set(files) for files in spreads.values()))
    if not common:
        return None
    widest = {identity: max(files.values()) for identity, files in spreads.items()}
    means = {name: float(np.mean([files[name] / widest[who] for who, files in spreads.items()])) for name in common}
    return max(sorted(means), key=means.__getitem__)
