"""How far a fit is in all of its stages, by the shares of the time that these usually take."""

from npm_studio.session.jobs.status import JobStatus

_SHARES = {
    "body model": (0.0, 0.05),
    "align": (0.0, 0.05),
    "read meshes": (0.0, 0.8),
    "read depth": (0.0, 0.06),
    "grids": (0.0, 0.06),
    "search": (0.06, 0.08),
    "fit": (0.08, 0.83),
    "deform": (0.05, 0.9),
    "mesh": (0.83, 0.975),
    "measure": (0.975, 1.0),
}
"""Where each stage of any method begins and ends, of the whole; those of this project's own as measured on a CPU."""
_LONG_ENDS = 0.8
"""Stages that end before it say nothing of the long one."""


def whole_fraction(status: JobStatus) -> float | None:
    """Finished part of the fit, 0 to 1; None in a stage of which nobody knows the share."""
    share = _SHARES.get(status.stage)
    return None if share is None else share[0] + (share[1] - share[0]) * status.fraction


def whole_seconds_left(status: JobStatus) -> float | None:
    """Until the fit is over, as fast as its stage is; None before the longest stage."""
    left, share = status.seconds_left, _SHARES.get(status.stage)
    if left is None or share is None or status.fraction >= 1 or share[1] < _LONG_ENDS:
        return None
    stage_seconds = left / (1 - status.fraction)
    return left + stage_seconds * (1 - share[1]) / (share[1] - share[0])
