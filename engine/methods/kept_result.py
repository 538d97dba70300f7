"""Results that a run keeps until somebody has the time to measure them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.npz import NpzFile, read_npz
from engine.geometry.ply import load_compact_ply
from engine.methods.method import FitResult
from engine.methods.run import FILL_LOST, UNMEASURED, Run
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import masked, packed

SUBJECT_MASKS = "subject_masks"
"""Artefact of a run that is not complete: which pixels its method took for the subject."""
UNDEFORMED = "undeformed.ply"
"""Artefact of a run that is not complete: the mesh that its method has deformed, metres."""
OF_KEPT = (f"{SUBJECT_MASKS}.npz", UNDEFORMED)
"""Files that a run has no more when it is complete."""
_FIX = "fit it again"


def kept_details(result: FitResult, fill_lost: bool) -> dict[str, Any]:
    """Details of a run that keeps ``result``, from which `result_kept` makes it again."""
    told = {"lost_below": result.lost_below, "doubt": result.doubt}
    return {**result.details, FILL_LOST: fill_lost, UNMEASURED: told}


def masks_of(subject: DepthSequence) -> list[list[bytes]]:
    """By camera and frame, which pixels ``subject`` shows, see `engine.sequences.isolation.packed`."""
    return [[packed(view.depth_m(frame) > 0) for frame in range(len(view))] for view in subject.views]


def mask_arrays(masks: Sequence[Sequence[bytes]]) -> dict[str, NDArray]:
    """Arrays of an npz file with ``masks`` of each camera and frame."""
    sizes = np.array([[len(mask) for mask in view] for view in masks], np.int64)
    every = b"".join(mask for view in masks for mask in view)
    return {"masks": np.frombuffer(every, np.uint8), "sizes": sizes}


def subject_kept(run: Run, sequence: DepthSequence) -> DepthSequence | None:
    """What of ``sequence``, of the frames of ``run``, its method took for the subject; None for all of it.

    Raises:
        InputError: that is damaged.
    """
    if f"{SUBJECT_MASKS}.npz" not in run.artefacts:
        return None
    arrays = read_npz(run.folder / f"{SUBJECT_MASKS}.npz", ("masks", "sizes"), _FIX)
    ends = arrays["sizes"].cumsum().reshape(arrays["sizes"].shape)
    every = arrays["masks"].tobytes()
    views = [
        masked(view, [every[end - size : end] for end, size in zip(of_ends, of_sizes, strict=True)])
        for view, of_ends, of_sizes in zip(sequence.views, ends, arrays["sizes"], strict=True)
    ]
    first, *others = (replace(view, others=()) for view in views)
    return replace(first, others=tuple(others))


def result_kept(run: Run, sequence: DepthSequence) -> FitResult:
    """What the method of ``run``, which has meshes and was not measured, has found in ``sequence``.

    Raises:
        InputError: an artefact is damaged.
    """
    confidences = [frame.confidence for frame in run.frames if frame.confidence is not None]
    subjects = [frame.subject_to_world for frame in run.frames if frame.subject_to_world is not None]
    told, is_whole = run.details[UNMEASURED], len(run.frames)
    codes = {}
    if "codes.npz" in run.artefacts:
        with NpzFile(run.folder / "codes.npz", _FIX) as stored:
            codes = {"codes": {name: stored.read(name) for name in stored.names}}
    return FitResult(
        run.meshes,
        confidence=np.array(confidences) if len(confidences) == is_whole else None,
        artefacts=codes,
        timings=run.timings,
        details={name: value for name, value in run.details.items() if name not in (FILL_LOST, UNMEASURED)},
        interrupted=run.interrupted,
        lost_below=told["lost_below"],
        subject_to_world=np.stack(subjects) if len(subjects) == is_whole else None,
        subject=subject_kept(run, sequence),
        undeformed=load_compact_ply(run.folder / UNDEFORMED) if UNDEFORMED in run.artefacts else None,
        doubt=told["doubt"],
    )
