"""Real scans of CAPE, cleaned against their registrations and brought into canonical units: `import_scans`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import save_compact_ply
from external.cape.release import CapeFrame, CapeRelease

SCANS_FOLDER = "scans"
LARGEST_DISTANCE_M = 0.03
"""Vertices of a scan farther than this from all vertices of the registration are floor, hair or noise."""
_MILLIMETRE = 1e-3


@dataclass(frozen=True)
class ScanSummary:
    """What `import_scans` did."""

    written: int = 0
    kept: int = 0
    """Files that were there already."""
    skipped: int = 0
    """Scans that cannot be read, have no registration, or are nowhere near theirs."""


def import_scans(release: CapeRelease, dataset: RegisteredDataset, progress: Progress | None = None) -> ScanSummary:
    """Write the scans of ``release`` into the ``dataset`` that was imported from it.

    Each becomes ``<identity>/scans/<sequence>/<sample>.ply`` in canonical units, beside the frame of the same label.

    Raises:
        InputError: the frames of ``dataset`` are not those of ``release``.
        Cancelled: asked to stop; what was written is kept.
    """
    progress = progress or Progress()
    todo = [(i, s) for i in release.identities for s in release.sequences(i) if release.scans(i, s)]
    progress.stage("scans", sum(len(release.scans(*each)) for each in todo))
    written = kept = skipped = done = 0
    for identity, sequence in todo:
        index = dataset.identity_index(identity)
        rows = {frame.name: (row, frame) for row, frame in enumerate(release.registrations(identity, sequence))}
        if len(rows) != len(dataset.samples_of(index, sequence)):
            where = dataset.folder(index) / f"{sequence}.npy"
            raise InputError(where, "was imported from other frames", "remove the dataset and import it again")
        folder = dataset.folder(index) / SCANS_FOLDER / sequence
        for name, path in release.scans(identity, sequence).items():
            if progress.cancelled():
                raise Cancelled
            done += 1
            progress.advance(done)
            if name not in rows:
                progress.message(f"skipped: {path}: its frame has no readable registration")
                skipped += 1
                continue
            row, frame = rows[name]
            out = folder / f"{row:06d}.ply"
            if out.is_file():
                kept += 1
                continue
            try:
                scan = cleaned_scan(load_mesh(path), frame, path)
            except InputError as error:
                progress.notice(error.as_notice("skipped"))
                skipped += 1
                continue
            vertices = dataset.similarity_of(index).to_canonical(scan.vertices)
            save_compact_ply(Mesh(vertices, scan.faces), out)
            written += 1
    return ScanSummary(written, kept, skipped)


def cleaned_scan(scan_mm: Mesh, frame: CapeFrame, path: Path) -> Mesh:
    """The part of ``scan_mm`` (millimetres) near the registration, in metres and without the frame's translation.

    Raises:
        InputError: nothing of it is near; ``path`` is named then.
    """
    from scipy.spatial import cKDTree

    vertices = scan_mm.vertices.astype(np.float64) * _MILLIMETRE - frame.translation
    distance, _ = cKDTree(frame.posed).query(vertices, distance_upper_bound=LARGEST_DISTANCE_M)
    near: NDArray[np.bool_] = np.isfinite(distance)
    faces = scan_mm.faces[near[scan_mm.faces].all(axis=1)]
    if len(faces) == 0:
        raise InputError(path, f"no part of it is within {LARGEST_DISTANCE_M} m of its registration", "check the frame")
    used, compact = np.unique(faces, return_inverse=True)
    return Mesh(vertices[used].astype(np.float32), compact.reshape(-1, 3).astype(np.int32))
