"""Posed frames that were measured: what is wrong with them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Remedy
from engine.dataset.verification.content import EXPORT_AGAIN, DatasetContent
from engine.dataset.verification.measurements import SequenceMeasurement
from engine.dataset.verification.sizes import NORMALISE, unit_remedy

_FRAME_SCALE_TOLERANCE = float(np.log(1.25))  # of single frames, which may be squashed and stretched
_MAX_COLLAPSED_SCALE = 1e-6
_SAME_SCALE = float(np.log(1.007))  # of all frames together against the canonical mesh; rounding and poses: 1.002
_AGREEMENT = 4.0  # a scale is one of the files, not of the poses, where it is so many times what frames differ in it
_SHUFFLED = "of another topology: its edges have other lengths, as if the vertices were in another order"
_POINT = "collapsed to a point"
_REGISTER = "register all meshes of the identity to one topology"


def frame_problems(
    content: DatasetContent,
    measured: Sequence[SequenceMeasurement],
    flagged: set[int],
    signs: dict[int, float],
    scales: Sequence[float],
) -> tuple[list[InputError], list[Notice]]:
    """What is wrong with the sequences of one identity, and notes.

    Args:
        flagged: identities of which the size is listed as wrong already
        signs: the sign of the volume that frames should have
        scales: of each identity's similarity
    """
    canonical_problem = _canonical_problem(content, measured, flagged, scales)
    problems = [] if canonical_problem is None else [canonical_problem]
    notes: list[Notice] = []
    for each in measured:
        has_wrong_size, scale = each.identity in flagged, scales[each.identity]
        if each.broken:
            rows = [row for row, _ in each.broken]
            problem = f"are not finite, at vertex {each.broken[0][1]}"
            problems.append(_of_frames(content, each, rows, problem, EXPORT_AGAIN))
        if canonical_problem is None and (whole := _sequence_problem(content, each, has_wrong_size, scale)) is not None:
            problems.append(whole)
        problems += _problems_of_frames(content, each, has_wrong_size, signs.get(each.identity, 1.0), scale)
        place = content.place(each.identity, each.sequence)
        if each.stored > 2 and len(each.repeated) == each.stored - 1:
            notes.append(Notice(f"{place}: holds still, all frames are the same"))
        elif each.repeated:
            sample, earlier = each.repeated[0]
            problem = f"{len(each.repeated)} of {each.stored} frames (first {sample}) are duplicate frames"
            problems.append(InputError(place, f"{problem} ({sample} is {earlier})", "remove them"))
    return problems + _copied_sequences(content, measured), notes


def _sequence_problem(
    content: DatasetContent, each: SequenceMeasurement, has_wrong_size: bool, scale: float
) -> InputError | None:
    """What is wrong with a sequence as a whole, where its canonical mesh is right."""
    place = content.place(each.identity, each.sequence)
    if each.is_scrambled:
        return InputError(place, f"is {_scrambled(each.scale)}", _REGISTER)
    if each.resembles is not None:
        problem = f"is of the shape of {content.names[each.resembles]}: swapped sequences or labels"
        return InputError(place, problem, "exchange them back")
    if each.is_of_other_scale and not has_wrong_size:
        problem = f"has a wrong scale: its edges are {each.scale:.3g} times as long as those of the canonical mesh"
        return InputError(place, problem, unit_remedy(each.scale, scale))
    return None


def _problems_of_frames(
    content: DatasetContent, each: SequenceMeasurement, has_wrong_size: bool, sign: float, scale: float
) -> list[InputError]:
    """What is wrong with single frames of a sequence, of which ``sign`` is that of a sound volume."""
    problems = []
    scrambled = each.scrambled_rows
    if len(scrambled) and not each.is_scrambled:
        problem = f"are {_scrambled(float(each.scales[scrambled[0]]))}"
        problems.append(_of_frames(content, each, scrambled, problem, _REGISTER))
    scaled = np.flatnonzero(np.abs(np.log(each.scales / each.scale)) > _FRAME_SCALE_TOLERANCE)
    scaled = np.setdiff1d(scaled, scrambled)
    if len(scaled):
        ratio = float(each.scales[scaled[0]] / each.scale)
        problem = f"have a wrong scale: their edges are {ratio:.3g} times as long as those of the others"
        problems.append(_of_frames(content, each, scaled, problem, unit_remedy(ratio, scale)))
    outside = np.setdiff1d(np.flatnonzero(each.reach > 0.5), [*scaled, *scrambled])
    if len(outside) and not (each.is_of_other_scale or each.is_scrambled or has_wrong_size):
        problem = f"leave the cube [-0.5, 0.5]^3, reaching {each.reach.max():.3f}"
        problems.append(_of_frames(content, each, outside, problem, NORMALISE))
    mirrored = np.setdiff1d(np.flatnonzero(each.volumes * sign < 0), scrambled)
    if len(mirrored):
        fix = "mirror them back, or register them again"
        problems.append(_of_frames(content, each, mirrored, "are mirrored or inside out", fix))
    return problems


def _scrambled(scale: float) -> str:
    return _POINT if scale < _MAX_COLLAPSED_SCALE else _SHUFFLED


def _of_frames(
    content: DatasetContent,
    each: SequenceMeasurement,
    rows: Sequence[int] | NDArray[np.int64],
    problem: str,
    remedy: str | Remedy,
) -> InputError:
    """One line for all ``rows`` of a sequence."""
    of = f"{len(rows)} of {len(each.samples)} frames (first {each.samples[rows[0]]})"
    return InputError(content.place(each.identity, each.sequence), f"{of} {problem}", remedy)


def _copied_sequences(content: DatasetContent, measured: Sequence[SequenceMeasurement]) -> list[InputError]:
    """Sequences of one identity whose frames are all in earlier ones; single frames may be a common start."""
    problems = []
    sequence_with: dict[bytes, str] = {}
    for each in measured:
        place = content.place(each.identity, each.sequence)
        others = [sequence_with[digest] for digest in each.digests if digest in sequence_with]
        if others and len(others) == len(each.digests):
            problem = f"has only duplicate frames: all {len(others)} are those of {others[0]}"
            problems.append(InputError(place, problem, "remove it and its labels"))
        sequence_with = dict.fromkeys(each.digests, each.sequence) | sequence_with
    return problems


def _canonical_problem(
    content: DatasetContent, measured: Sequence[SequenceMeasurement], flagged: set[int], scales: Sequence[float]
) -> InputError | None:
    """The canonical mesh, where all sequences agree that it is another shape or scale than theirs."""
    if not measured:
        return None
    identity = measured[0].identity
    place = content.place(identity, None)
    if (slight := _slight_scale(measured)) is not None and identity not in flagged:
        problem = f"does not belong to its frames: their edges are {slight:.3f} times as long in all of them"
        return InputError(place, problem, "one was written with another scale; import all into a new folder")
    if len(measured) < 2:
        return None
    if all(each.is_scrambled for each in measured):
        return InputError(place, f"is {_SHUFFLED} than those of all its sequences", _REGISTER)
    alike = {each.resembles for each in measured}
    if len(alike) == 1 and (other := alike.pop()) is not None:
        problem = f"has another shape than all its sequences, which have that of {content.names[other]}"
        return InputError(place, f"{problem}: swapped canonical meshes or folders", "exchange them back")
    ratios = np.array([each.scale for each in measured])
    usual = float(np.median(ratios))
    agree = all(each.is_of_other_scale for each in measured) and (np.abs(np.log(ratios / usual)) < 0.05).all()
    if agree and identity not in flagged and not all((each.reach > 0.5).any() for each in measured):
        problem = f"has a wrong scale: its edges are {1 / usual:.3g} times as long as those of all its sequences"
        return InputError(place, problem, unit_remedy(1 / usual, scales[identity]))
    return None


def _slight_scale(measured: Sequence[SequenceMeasurement]) -> float | None:
    """A factor near one between the frames of all sequences and their canonical mesh, which no pose explains.

    Most edges of a moving body keep their length, so that the median of the ratios is one in every frame. Where it is
    another number, and the same one in all frames, the canonical mesh was made with another scale than they.
    """
    logs = np.log(np.concatenate([each.scales for each in measured]))
    size = abs(float(np.median(logs)))
    explained = any(each.is_of_other_scale or each.is_scrambled or each.resembles is not None for each in measured)
    if len(logs) < 2 or size < _SAME_SCALE or explained:
        return None
    spread = float(np.abs(logs - np.median(logs)).max())
    misfit = float(np.median([each.misfit for each in measured]))
    return float(np.exp(np.median(logs))) if size > _AGREEMENT * spread and size > misfit else None
