"""Posed frames, read once and measured against the canonical meshes."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.dataset.verification.content import DatasetContent
from engine.dataset.verification.meshes import CanonicalMesh
from engine.dataset.verification.shapes import EdgeLengths, compare, edge_lengths

_CHOSEN_FRAMES = 8  # of a sequence, to tell identities apart
_SCALE_TOLERANCE = float(np.log(1.1))
_CLEAR_SCALE = float(np.log(1.5))  # less is a bent or stretched body where edges do not agree on it
_MAX_MISFIT = 0.3  # edges that differ so much from each other are not those of the same surface; poses: 0.01
_MIN_VOLUME_FRACTION = 0.1  # of the canonical mesh, for the sign to say something


@dataclass(frozen=True, eq=False)
class SequenceMeasurement:
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
        return self.misfit > _MAX_MISFIT

    @property
    def scrambled_rows(self) -> NDArray[np.int64]:
        """The same of single frames."""
        return np.flatnonzero(self.misfits > _MAX_MISFIT)

    @property
    def is_of_other_scale(self) -> bool:
        size = abs(np.log(self.scale))
        return bool(size > _CLEAR_SCALE or (size > _SCALE_TOLERANCE and self.misfit < size / 8))


def measure_sequence(
    content: DatasetContent, identity: int, sequence: str, canonical: CanonicalMesh, reference: EdgeLengths | None
) -> SequenceMeasurement:
    """Read the labelled frames of one sequence once.

    Raises:
        InputError: they cannot be read or have another number of vertices than the canonical mesh.
    """
    frames = content.frames(identity, sequence)
    samples = tuple(content.samples(identity, sequence))
    if canonical.vertices is not None and frames.shape[1:] != canonical.vertices.shape:
        problem = f"has frames of {frames.shape[1]} vertices, its canonical mesh {len(canonical.vertices)}"
        raise InputError(content.place(identity, sequence), problem, "register all frames to one topology")
    count = len(frames)
    reach, volumes, scales, misfits = np.zeros(count), np.zeros(count), np.ones(count), np.zeros(count)
    own = None if reference is None or not len(reference.edges) else reference.lengths.get(identity)
    chosen = set(np.linspace(0, count - 1, min(count, _CHOSEN_FRAMES)).astype(int).tolist())
    broken: list[tuple[int, int]] = []
    chosen_logs = []
    digests = []
    for row in range(count):
        stored = np.ascontiguousarray(frames[row])
        digests.append(_digest(stored))
        with np.errstate(over="ignore", invalid="ignore"):
            vertices = np.asarray(stored, np.float32)
        reach[row] = np.abs(vertices).max()
        if not np.isfinite(reach[row]):
            broken.append((row, int(np.flatnonzero(~np.isfinite(vertices).all(axis=1))[0])))
            reach[row] = 0.0
            continue
        volumes[row] = _clear_volume(vertices, canonical)
        if reference is not None and own is not None:
            logs = np.log(np.maximum(edge_lengths(vertices, reference.edges), 1e-12))
            middle = np.median(logs - np.log(own))
            scales[row], misfits[row] = np.exp(middle), np.median(np.abs(logs - np.log(own) - middle))
            chosen_logs += [logs] if row in chosen else []
    unlabelled, others = content.unlabelled(identity, sequence)
    every_digest = [*digests, *(_digest(np.ascontiguousarray(frame)) for frame in others)]
    scale, misfit, resembles = 1.0, 0.0, None
    if reference is not None and chosen_logs:
        scale, misfit, resembles = compare(np.median(chosen_logs, axis=0), identity, reference)
    return SequenceMeasurement(
        identity=identity,
        sequence=sequence,
        samples=samples,
        broken=tuple(broken),
        reach=reach,
        volumes=volumes,
        stored=len(every_digest),
        repeated=_repeated([*samples, *unlabelled], every_digest),
        digests=tuple(digests),
        scale=scale,
        misfit=misfit,
        scales=scales,
        misfits=misfits,
        resembles=resembles,
    )


def _repeated(samples: list[str], digests: list[bytes]) -> tuple[tuple[str, str], ...]:
    """Samples that are equal to an earlier one, and that one."""
    first_with: dict[bytes, str] = {}
    pairs = [(sample, first_with.setdefault(digest, sample)) for sample, digest in zip(samples, digests, strict=True)]
    return tuple((sample, earlier) for sample, earlier in pairs if earlier != sample)


def _digest(frame: NDArray[Any]) -> bytes:
    return hashlib.blake2b(frame.data, digest_size=16).digest()


def _volume(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> float:
    """`engine.geometry.topology.signed_volume` in single precision, as every frame needs one."""
    centred = vertices - vertices.mean(axis=0)
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (np.take(centred, faces[:, k], axis=0).T for k in range(3))
    terms = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    return float(terms.sum()) / 6


def _clear_volume(vertices: NDArray[np.float32], canonical: CanonicalMesh) -> float:
    """Signed volume; 0 where it is too small against that of the canonical mesh for the sign to say anything."""
    if canonical.faces is None or not canonical.volume:
        return 0.0
    volume = _volume(vertices, canonical.faces)
    return volume if abs(volume) > _MIN_VOLUME_FRACTION * abs(canonical.volume) else 0.0
