"""Where the subject of a run went, for other bodies that make its motion."""

import numpy as np
from numpy.typing import NDArray

from engine.methods.run import Run
from engine.methods.run_summary import is_mirrored
from engine.methods.transferring import UPRIGHT


def floor_places(run: Run) -> NDArray[np.float64] | None:
    """``subject_to_world`` (F, 4, 4) of all frames of ``run``, metres, but with the middle of its way at the origin.

    The heights are left out: who takes the motion over stands on a floor of their own. None where the subject is not
    upright on average, such as a hand, is mirrored, or the run does not say where it was.
    """
    known = [frame.subject_to_world for frame in run.frames if frame.subject_to_world is not None]
    if not known or len(known) < len(run.frames) or is_mirrored(run):
        return None
    places = np.stack(known).astype(np.float64)
    if places[:, 1, 1].mean() <= UPRIGHT:
        return None
    way = places[:, :3, 3]
    places[:, :3, 3] -= (way.min(axis=0) + way.max(axis=0)) / 2
    places[:, 1, 3] = 0.0
    return places
