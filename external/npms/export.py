"""Writing a dataset as a processed folder tree of the published NPM code, so that its programs can be run on it."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError, Setting, remedy
from engine.core.files import check_name, write_json
from engine.core.progress import Progress
from engine.dataset.pools import load_pools
from engine.dataset.preparation.flow_export import FlowSampling, flow_points, sample_flow
from engine.dataset.registered import CANONICAL_SEQUENCE, RegisteredDataset
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from external.npms.sample_files import (
    SampleLabel,
    as_entry,
    flow_file_name,
    read_flow_sampling,
    sampling_file_name,
    write_flow_samples,
    write_flow_sampling,
    write_pts,
    write_sdf,
)
from external.npms.tree import CANONICAL_SAMPLE, MESH, POOLS

_SPLIT_FOLDERS = {"hand": "ZSPLITS_MANO", "animal": "ZSPLITS_SMAL"}


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote."""

    identities: int
    frames: int
    """Canonical ones included."""
    split: Path
    """Folder of the labels."""


def export_tree(
    dataset: RegisteredDataset,
    out: Path,
    sigmas: Sequence[float],
    points: int = 100_000,
    seed: int = 0,
    with_pools: bool = False,
    with_meshes: bool = False,
    progress: Progress | None = None,
) -> ExportSummary:
    """Write flow samples of all labelled frames and canonical meshes of ``dataset`` below ``out``, and its labels.

    Triangles, barycentric coordinates and offsets are the same on all frames of an identity, also when several splits
    of a dataset are exported to the same folder.

    Args:
        sigmas: largest offset from the surface, canonical units; 0 is on it.
        points: samples of each frame and sigma; published files have 100,000.
        with_pools: also the signed-distance samples, which must have been prepared.
        with_meshes: also the meshes.

    Raises:
        InputError: an array is missing or damaged, or ``out`` has samples that were chosen differently.
        Cancelled: asked to stop; files that were written are kept.
    """
    assert points > 0 and all(np.isfinite(sigma) and sigma >= 0 for sigma in sigmas), (points, sigmas)
    progress = progress or Progress()
    total = len(dataset.stored) + len(dataset.labels)
    progress.stage("export", total)
    done = 0
    for identity, stored in enumerate(dataset.stored):
        folder = out / check_name(stored.dataset, dataset.root) / stored.name
        faces, canonical = dataset.faces(identity), dataset.canonical(identity)
        samplings: dict[float, FlowSampling] = {}
        for sigma in sigmas:
            key = zlib.crc32(f"{stored.dataset}/{stored.name}/{float(sigma)}".encode())
            chosen = sample_flow(canonical, faces, sigma, points, np.random.default_rng([seed, key]))
            samplings[sigma] = _share(folder / sampling_file_name(sigma), chosen)
        if with_pools:
            _write_pools(dataset, identity, folder / CANONICAL_SEQUENCE / CANONICAL_SAMPLE)
        for name, vertices in _frames(dataset, identity, canonical):
            if progress.cancelled():
                raise Cancelled
            for sigma, sampling in samplings.items():
                write_flow_samples(folder / name / flow_file_name(sigma), flow_points(vertices, faces, sampling))
            if with_meshes:
                save_compact_ply(Mesh(np.asarray(vertices, np.float32), faces), folder / name / MESH)
            done += 1
            progress.advance(done)
    _write_bounds(dataset, out)
    return ExportSummary(len(dataset.stored), total, _write_labels(dataset, out))


def _share(path: Path, chosen: FlowSampling) -> FlowSampling:
    """Store the sampling of an identity; frames that are there already must have been sampled in the same way."""
    if path.is_file():
        there = read_flow_sampling(path)
        same = np.array_equal(there.faces, chosen.faces) and np.array_equal(there.offsets, chosen.offsets)
        if not (same and np.array_equal(there.barycentric, chosen.barycentric)):
            fix = remedy("use the same {} and {} as before, or another folder", Setting.SEED, Setting.POINTS)
            raise InputError(path, "holds samples that were chosen in another way", fix)
    else:
        write_flow_sampling(path, chosen)
    return chosen


def _frames(
    dataset: RegisteredDataset, identity: int, canonical: NDArray[np.float32]
) -> Iterator[tuple[Path, NDArray[np.floating]]]:
    """Folder below that of the identity, and vertices (V, 3), of the canonical mesh and of every labelled frame."""
    yield Path(CANONICAL_SEQUENCE) / CANONICAL_SAMPLE, canonical
    for sequence in dataset.sequences_of(identity):
        for sample, vertices in zip(
            dataset.samples_of(identity, sequence), dataset.sequence(identity, sequence), strict=True
        ):
            yield Path(sequence) / sample, vertices


def _write_pools(dataset: RegisteredDataset, identity: int, sample: Path) -> None:
    pools = load_pools(dataset, identity)
    near, uniform, surface = (sample / name for name in POOLS)
    write_sdf(near, pools.near)
    write_sdf(uniform, pools.uniform)
    write_pts(surface, pools.surface)


def _write_bounds(dataset: RegisteredDataset, out: Path) -> None:
    """What becomes the cube, in metres, as ``bbox.json``: the tree says in no other place how it was normalised.

    A dataset whose identities were normalised each in their own way has no such box.
    """
    for name in sorted({stored.dataset for stored in dataset.stored}):
        ways = {stored.similarity for stored in dataset.stored if stored.dataset == name}
        path = out / name / "bbox.json"
        path.unlink(missing_ok=True)
        if len(ways) == 1:
            way = ways.pop()
            half = 0.5 / way.scale
            write_json(path, [[c - half for c in way.centre], [c + half for c in way.centre]])


def _write_labels(dataset: RegisteredDataset, out: Path) -> Path:
    kind = next((folder for word, folder in _SPLIT_FOLDERS.items() if word in dataset.category), "ZSPLITS_HUMAN")
    split = out / kind / check_name(dataset.name, dataset.root)
    tposes = [
        SampleLabel(stored.dataset, identity, stored.name, CANONICAL_SEQUENCE, CANONICAL_SAMPLE)
        for identity, stored in enumerate(dataset.stored)
    ]
    frames = [
        SampleLabel(tposes[at.identity].dataset, at.identity, tposes[at.identity].identity, at.sequence, at.sample)
        for at in dataset.labels
    ]
    write_json(split / "labels_tpose.json", [as_entry(label) for label in tposes])
    write_json(split / "labels.json", [as_entry(label) for label in frames])
    return split
