"""Which way is up in a clip: the format does not say."""

from pathlib import Path

import numpy as np

from engine.core.errors import Notice
from external.bvh.clip import Array
from external.bvh.limb_lines import Lines
from external.bvh.rotations import shortest_turns, unit

_ALONG = 0.7
"""Cosine from which the trunk points along an axis on the average."""
_ON_THE_FLOOR = (-0.03, 0.2)
"""Where the lowest joint is above a floor at 0, in lengths of a leg."""


def upright_turn(path: Path, lines: Lines, positions: Array) -> tuple[Array, tuple[Notice, ...]]:
    """The rotation (3, 3) that takes the file's vertical to y, and what was taken for it if that is not y.

    That is the axis along which trunks point on the average, if it is not y and there is no floor to lie on at y = 0.

    Args:
        lines, positions: of the body and its joints (F, J, 3) in the frames of the clip.
    """
    mean = unit(lines.trunk).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    if abs(mean[axis]) < _ALONG or (axis == 1 and mean[1] > 0):
        return np.eye(3), ()
    sign = float(np.sign(mean[axis]))
    name = f"{'-' if sign < 0 else ''}{'xyz'[axis]}"
    leg = lines.leg_length()
    lowest_y, lowest = (np.median((s * positions[:, :, k]).min(axis=1)) / leg for s, k in ((1.0, 1), (sign, axis)))
    if axis != 1 and _is_on_floor(lowest_y) and not _is_on_floor(lowest):
        text = f"{path.name}: trunks point along {name} on the average, but bodies lie at y = 0: y is taken for up"
        return np.eye(3), (Notice(text),)
    text = f"{path.name}: {name} is taken for up, as trunks point there on the average"
    return shortest_turns(sign * np.eye(3)[axis], np.array([0.0, 1.0, 0.0])), (Notice(text),)


def _is_on_floor(lowest: float) -> bool:
    return _ON_THE_FLOOR[0] <= lowest <= _ON_THE_FLOOR[1]
