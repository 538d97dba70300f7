"""Posed frames: read once, measured against the canonical meshes, and what that says is wrong with them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Remedy
from engine.dataset.verification.content import EXPORT_AGAIN, Content
from engine.dataset.verification.meshes import NORMALISE, Body, unit_cure
from engine.dataset.verification.shapes import Ruler, compare, edge_lengths

_CHOSEN_FRAMES = 8  # of a sequence, to tell identities apart
_SCALE_TOLERANCE = float(np.log(1.1))
_CLEAR_SCALE = float(np.log(1.5))  # less is a bent or stretched body where edges do not agree on it
_FRAME_SCALE_TOLERANCE = float(np.log(1.25))  # of single frames, which may be squashed and stretched
_SCRAMBLED = 0.3  # edges that differ so much from each other are not those of the same surface; poses: 0.01
_COLLAPSED = 1e-6
_TELLING_SHARE = 0.1  # of the volume of the canonical mesh
_SHUFFLED = "of another topology: its edges have other lengths, as if the vertices were in another order"
_POINT = "collapsed to a point"
_REGISTER = "register all meshes of the identity to one topology"


@dataclass(frozen=True, eq=False)
class Facts:
    """What was measured of one sequence; rows count its labelled frames."""

    identity: int
    sequence: str
    samples: tuple[str, ...]
    broken: tuple[tuple[int, int], ...]
    """Rows that are not finite everywhere, and the first vertex of each."""
    reach: NDArray[np.float64]
    """(F,) largest coordinate, 0 where not finite"""
    volumes: NDArray[np.float64]
    """(F,) signed, 0 where not finite or too small for the sign to say anything"""
    stored: int
    """Number of frames, those without a label included."""
    repeated: tuple[tuple[str, str], ...]
    """Frames that are equal to an earlier one, and that one; those without a label included."""
    digests: tuple[bytes, ...]
    """Of the labelled frames."""
    scale: float
    """Of the sequence against the canonical mesh."""
    misfit: float
    """By how much edges differ from that scale, as the median of logarithms."""
    scales: NDArray[np.float64]
    """(F,) the same of each frame, 1 where not finite"""
    misfits: NDArray[np.float64]
    """(F,) the same of each frame, 0 where not finite"""
    resembles: int | None
    """Another identity that the frames fit much better."""

    @property
    def is_scrambled(self) -> bool:
        """Whether vertices are not those of the canonical mesh with the same number."""
        return self.misfit > _SCRAMBLED

    @property
    def is_of_other_scale(self) -> bool:
        size = abs(np.log(self.scale))
        return bool(size > _CLEAR_SCALE or (size > _SCALE_TOLERANCE and self.misfit < size / 8))


def measure(content: Content, identity: int, sequence: str, body: Body, ruler: Ruler | None) -> Facts:
    """Read the labelled frames of one sequence once.

    Raises:
        InputError: they cannot be read or have another number of vertices than the canonical mesh.
    """
    frames = content.frames(identity, sequence)
    samples = tuple(content.samples(identity, sequence))
    if body.vertices is not None and frames.shape[1:] != body.vertices.shape:
        problem = f"has frames of {frames.shape[1]} vertices, its canonical mesh {len(body.vertices)}"
        raise InputError(content.place(identity, sequence), problem, "register all frames to one topology")
    reach, volumes = np.zeros(len(frames)), np.zeros(len(frames))
    broken: list[tuple[int, int]] = []
    repeated: list[tuple[str, str]] = []
    first_with: dict[bytes, str] = {}
    own = None if ruler is None or not len(ruler.edges) else ruler.lengths.get(identity)
    chosen = set(np.linspace(0, len(frames) - 1, min(len(frames), _CHOSEN_FRAMES)).astype(int).tolist())
    scales, misfits, logs = np.ones(len(frames)), np.zeros(len(frames)), []
    digests: list[bytes] = []
    for row in range(len(frames)):
        stored = np.ascontiguousarray(frames[row])
        digests.append(_digest(stored))
        earlier = first_with.setdefault(digests[row], samples[row])
        if earlier != samples[row]:
            repeated.append((samples[row], earlier))
        with np.errstate(over="ignore", invalid="ignore"):
            vertices = np.asarray(stored, np.float32)
        reach[row] = np.abs(vertices).max()
        if not np.isfinite(reach[row]):
            broken.append((row, int(np.flatnonzero(~np.isfinite(vertices).all(axis=1))[0])))
            reach[row] = 0.0
            continue
        if body.faces is not None and body.volume:
            volume = _volume(vertices, body.faces)
            volumes[row] = volume if abs(volume) > _TELLING_SHARE * abs(body.volume) else 0.0
        if ruler is not None and own is not None:
            log = np.log(np.maximum(edge_lengths(vertices, ruler.edges), 1e-12))
            middle = np.median(log - np.log(own))
            scales[row], misfits[row] = np.exp(middle), np.median(np.abs(log - np.log(own) - middle))
            logs += [log] if row in chosen else []
    spare = 0
    for sample, frame in zip(*content.unlabelled(identity, sequence), strict=True):
        spare += 1
        earlier = first_with.setdefault(_digest(np.ascontiguousarray(frame)), sample)
        if earlier != sample:
            repeated.append((sample, earlier))
    scale, misfit, resembles = 1.0, 0.0, None
    if ruler is not None and logs:
        scale, misfit, resembles = compare(np.median(logs, axis=0), identity, ruler)
    return Facts(
        identity,
        sequence,
        samples,
        tuple(broken),
        reach,
        volumes,
        len(samples) + spare,
        tuple(repeated),
        tuple(digests),
        scale,
        misfit,
        scales,
        misfits,
        resembles,
    )


def _digest(frame: NDArray[Any]) -> bytes:
    return hashlib.blake2b(frame.data, digest_size=16).digest()


def _volume(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> float:
    """`engine.geometry.topology.signed_volume` in single precision, as every frame needs one."""
    centred = vertices - vertices.mean(axis=0)
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (np.take(centred, faces[:, k], axis=0).T for k in range(3))
    terms = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    return float(terms.sum()) / 6


def frame_problems(
    content: Content, facts: Sequence[Facts], flagged: set[int], signs: dict[int, float], scales: Sequence[float]
) -> tuple[list[InputError], list[Notice]]:
    """What is wrong with the sequences of one identity, and notes.

    Args:
        flagged: identities of which the size is listed as wrong already
        signs: the sign of the volume that frames should have
        scales: of each identity's similarity
    """
    problems: list[InputError] = []
    notes: list[Notice] = []
    taken = {each.sequence for each in facts if each.resembles is not None}
    culprit = _canonical_to_blame(content, facts, flagged, scales)
    problems += [culprit] if culprit is not None else []
    for each in facts:
        place = content.place(each.identity, each.sequence)

        def note(
            rows: Sequence[int], problem: str, cure: str | Remedy, place: object = place, each: Facts = each
        ) -> None:
            of = f"{len(rows)} of {len(each.samples)} frames (first {each.samples[rows[0]]})"
            problems.append(InputError(str(place), f"{of} {problem}", cure))

        if each.broken:
            vertex = each.broken[0][1]
            note([row for row, _ in each.broken], f"are not finite, at vertex {vertex}", EXPORT_AGAIN)
        unlike = each.is_of_other_scale or each.is_scrambled
        if each.is_scrambled and culprit is None:
            collapsed = each.scale < _COLLAPSED
            problems.append(InputError(place, "is " + (_POINT if collapsed else _SHUFFLED), _REGISTER))
        elif each.sequence in taken and culprit is None:
            assert each.resembles is not None
            problem = f"is of the shape of {content.names[each.resembles]}: swapped sequences or labels"
            problems.append(InputError(place, problem, "exchange them back"))
        elif unlike and culprit is None and each.identity not in flagged:
            problem = f"has a wrong scale: its edges are {each.scale:.3g} times as long as those of the canonical mesh"
            problems.append(InputError(place, problem, unit_cure(each.scale, scales[each.identity])))
        shuffled = np.flatnonzero(each.misfits > _SCRAMBLED)
        if len(shuffled) and not each.is_scrambled:
            collapsed = each.scales[shuffled[0]] < _COLLAPSED
            note(shuffled.tolist(), "are " + (_POINT if collapsed else _SHUFFLED), _REGISTER)
        odd = np.flatnonzero(np.abs(np.log(each.scales / each.scale)) > _FRAME_SCALE_TOLERANCE)
        odd = np.setdiff1d(odd, shuffled)
        if len(odd):
            ratio = float(each.scales[odd[0]] / each.scale)
            problem = f"have a wrong scale: their edges are {ratio:.3g} times as long as those of the others"
            note(odd.tolist(), problem, unit_cure(ratio, scales[each.identity]))
        outside = np.setdiff1d(np.flatnonzero(each.reach > 0.5), [*odd, *shuffled])
        if len(outside) and not unlike and each.identity not in flagged:
            note(outside.tolist(), f"leave the cube [-0.5, 0.5]^3, reaching {each.reach.max():.3f}", NORMALISE)
        mirrored = np.setdiff1d(np.flatnonzero(each.volumes * signs.get(each.identity, 1.0) < 0), shuffled)
        if len(mirrored):
            note(mirrored.tolist(), "are mirrored or inside out", "mirror them back, or register them again")
        if each.stored > 2 and len(each.repeated) == each.stored - 1:
            notes.append(Notice(f"{place}: holds still, all frames are the same"))
        elif each.repeated:
            sample, earlier = each.repeated[0]
            problem = f"{len(each.repeated)} of {each.stored} frames (first {sample}) are duplicate frames"
            problems.append(InputError(place, f"{problem} ({sample} is {earlier})", "remove them"))
    return problems + _copied_sequences(content, facts), notes


def _copied_sequences(content: Content, facts: Sequence[Facts]) -> list[InputError]:
    """Sequences of one identity whose frames are all in earlier ones; single frames may be a common start."""
    problems = []
    sequence_with: dict[bytes, str] = {}
    for each in facts:
        place = content.place(each.identity, each.sequence)
        others = [sequence_with[digest] for digest in each.digests if digest in sequence_with]
        if others and len(others) == len(each.digests):
            problem = f"has only duplicate frames: all {len(others)} are those of {others[0]}"
            problems.append(InputError(place, problem, "remove it and its labels"))
        sequence_with = dict.fromkeys(each.digests, each.sequence) | sequence_with
    return problems


def _canonical_to_blame(
    content: Content, facts: Sequence[Facts], flagged: set[int], scales: Sequence[float]
) -> InputError | None:
    """The canonical mesh, where all sequences agree that it is another shape or scale than theirs."""
    if len(facts) < 2:
        return None
    identity = facts[0].identity
    place = content.place(identity, None)
    if all(each.is_scrambled for each in facts):
        return InputError(place, f"is {_SHUFFLED} than those of all its sequences", _REGISTER)
    alike = {each.resembles for each in facts}
    if len(alike) == 1 and (other := alike.pop()) is not None:
        problem = f"is of another shape than all its sequences, which are of that of {content.names[other]}"
        return InputError(place, f"{problem}: swapped canonical meshes or folders", "exchange them back")
    ratios = np.array([each.scale for each in facts])
    usual = float(np.median(ratios))
    agree = all(each.is_of_other_scale for each in facts) and (np.abs(np.log(ratios / usual)) < 0.05).all()
    if agree and identity not in flagged and not all((each.reach > 0.5).any() for each in facts):
        problem = f"has a wrong scale: its edges are {1 / usual:.3g} times as long as those of all its sequences"
        return InputError(place, problem, unit_cure(1 / usual, scales[identity]))
    return None
