"""Identities that have sampled points instead of meshes: what is wrong with their flow samples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.dataset.registered import CANONICAL_SEQUENCE
from engine.dataset.verification.content import EXPORT_AGAIN, DatasetContent

_CANONICAL_SAMPLE = "000000"
_REACH = 1.0  # canonical units; samples lie around the surface, which lies in the cube


def flow_problems(content: DatasetContent, identity: int, sequence: str, sigmas: Sequence[float]) -> list[InputError]:
    """What keeps the flow samples of the labelled frames of one sequence from being trained on.

    Every frame must have as many as the canonical sample, for each of ``sigmas``.
    """
    problems: dict[str, InputError] = {}
    for sigma in sigmas:
        try:
            count = len(_points(content, identity, CANONICAL_SEQUENCE, _CANONICAL_SAMPLE, sigma))
        except InputError as error:  # the same for all sequences; the caller lists it once
            problems[str(error)] = error
            continue
        for sample in content.samples(identity, sequence):
            try:
                found = len(_points(content, identity, sequence, sample, sigma))
                if found != count:
                    what = f"{content.place(identity, sequence)}/{sample}, sigma {sigma:g}"
                    problem = f"has {found} flow samples, {CANONICAL_SEQUENCE} has {count}"
                    raise InputError(what, problem, "sample the identity again")
            except InputError as error:
                problems[str(error)] = error
    return list(problems.values())


def _points(content: DatasetContent, identity: int, sequence: str, sample: str, sigma: float) -> NDArray[np.floating]:
    points = content.flow_points(identity, sequence, sample, sigma)
    reach = float(np.abs(points).max())
    if reach > _REACH:
        what = f"{content.place(identity, sequence)}/{sample}, sigma {sigma:g}"
        raise InputError(what, f"has flow samples far outside the cube, up to {reach:.3g}", EXPORT_AGAIN)
    return points
