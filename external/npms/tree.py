"""Processed dataset folders of the published NPM code, read where they are.

Layout::

    <root>/<dataset>/<identity>/a_t_pose/000000/       the canonical sample
    <root>/<dataset>/<identity>/<animation>/<frame>/   a posed sample
        mesh_normalized.ply                            canonical units, one topology per identity
        mesh_watertight_poisson.ply                    of some canonical samples: what their samples were made from
        samples_near.sdf, samples_uniform.sdf, samples_surface.pts
                                                       of canonical samples
        flow_samples_{sigma}.npz
        partial_views/voxelized_view{v}_{res}res.npz
                                                       of some: what cameras saw, for encoders
    <root>/ZSPLITS_*/<split>/labels.json, labels_tpose.json

A sample folder may lack its meshes: the shape stage needs the signed-distance samples of canonical samples alone, the
pose stage can do with flow samples (`engine.training.flow_points`).
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Setting, Task, remedy
from engine.core.files import natural_key
from engine.dataset.arrays import SdfPools
from engine.dataset.registered import CANONICAL_SEQUENCE
from engine.dataset.store import Rows
from engine.geometry.mesh import Mesh, load_mesh
from external.npms.grid_files import read_voxelized_view
from external.npms.sample_files import count_flow_samples, flow_file_name, read_flow_samples, read_pts, read_sdf

CANONICAL_SAMPLE = "000000"
MESH = "mesh_normalized.ply"
WATERTIGHT_MESH = "mesh_watertight_poisson.ply"
POOLS = ("samples_near.sdf", "samples_uniform.sdf", "samples_surface.pts")


class NpmsStore:
    """The identities of one dataset folder, as a `engine.dataset.store.MeshStore`."""

    def __init__(self, path: Path, derived: Path) -> None:
        """
        Args:
            path: folder of the dataset; nothing is written there.
            derived: folder for what is made from it.
        """
        self.path, self._derived = path.resolve(), derived
        self._canonical: dict[str, Mesh] = {}
        self._samples: dict[tuple[str, str], list[str]] = {}

    def faces(self, identity: str) -> NDArray[np.int32]:
        return self._canonical_mesh(identity).faces

    def canonical(self, identity: str) -> NDArray[np.float32]:
        return self._canonical_mesh(identity).vertices

    def sequences(self, identity: str) -> list[str]:
        return [name for name in _subfolders(self.path / identity) if name != CANONICAL_SEQUENCE]

    def samples(self, identity: str, sequence: str) -> list[str]:
        """Names of the sample folders; folders whose names are no numbers are something else."""
        key = identity, sequence
        if key not in self._samples:
            self._samples[key] = [name for name in _subfolders(self.path / identity / sequence) if name.isdecimal()]
        return self._samples[key]

    def frames(self, identity: str, sequence: str, rows: Rows) -> NDArray[np.float32]:
        canonical = self._canonical_mesh(identity)
        samples = np.array(self.samples(identity, sequence), object)[rows]
        frames = np.empty((len(samples), *canonical.vertices.shape), np.float32)
        for row, sample in enumerate(samples):
            path = self.path / identity / sequence / sample / MESH
            mesh = load_mesh(path)
            if mesh.vertices.shape != canonical.vertices.shape or not np.array_equal(mesh.faces, canonical.faces):
                problem = f"has another topology than {identity}/{CANONICAL_SEQUENCE}/{CANONICAL_SAMPLE}/{MESH}"
                raise InputError(path, problem, "all frames of an identity must share vertices and faces")
            frames[row] = mesh.vertices
        return frames

    def folder(self, identity: str) -> Path:
        return self._derived / identity

    def pools(self, identity: str) -> SdfPools | None:
        """The samples beside the canonical mesh; None where there are none.

        Raises:
            InputError: some are missing or damaged.
        """
        near, uniform, surface = (self._sample(identity) / name for name in POOLS)
        if not any(path.exists() for path in (near, uniform, surface)):
            return None
        pools = SdfPools(read_sdf(near), read_sdf(uniform), read_pts(surface))
        for path, rows in ((near, pools.near), (uniform, pools.uniform), (surface, pools.surface)):
            reach = float(np.abs(rows[:, :3]).max())
            if reach > 1:  # other number types read as float32 rows end up far away
                problem = f"has points far outside the cube [-0.5, 0.5]^3 (up to {reach:.3g})"
                raise InputError(path, problem, "it must hold float32 numbers in canonical units")
        return pools

    def watertight(self, identity: str) -> Mesh | None:
        """The closed mesh that signed distances are to be sampled from, where it is not the canonical mesh."""
        path = self._sample(identity) / WATERTIGHT_MESH
        return load_mesh(path) if path.is_file() else None

    def has_meshes(self, identity: str) -> bool:
        """Whether the identity has a canonical mesh, and not samples alone."""
        return (self._sample(identity) / MESH).is_file()

    def flow_sigmas(self, identity: str) -> list[float]:
        """Noise levels of which the canonical sample has flow samples."""
        sigmas = []
        for path in self._sample(identity).glob("flow_samples_*.npz"):
            try:
                sigmas.append(float(path.stem.removeprefix("flow_samples_")))
            except ValueError:
                continue
        return sorted(sigmas)

    def flow_point_count(self, identity: str, sequence: str, sample: str, sigma: float) -> int:
        """Number of flow samples of one frame."""
        return count_flow_samples(self._sample(identity, sequence, sample) / flow_file_name(sigma))

    def flow_points(self, identity: str, sequence: str, sample: str, sigma: float, rows: int) -> NDArray[np.float32]:
        """The first ``rows`` flow samples (rows, 3) of one frame, canonical units."""
        path = self._sample(identity, sequence, sample) / flow_file_name(sigma)
        return read_flow_samples(path, rows).astype(np.float32)

    def occupancy_grids(self, identity: str, sequence: str, sample: str, resolution: int) -> list[NDArray[np.bool_]]:
        """Occupied nodes (R, R, R) of each view of one frame."""
        folder = self._sample(identity, sequence, sample) / "partial_views"
        paths = sorted(folder.glob(f"voxelized_view*_{resolution}res.npz"), key=natural_key)
        if not paths:
            others = {
                path.stem.rpartition("_")[2].removesuffix("res") for path in folder.glob("voxelized_view*res.npz")
            }
            known = f", only of {', '.join(sorted(others))}" if others else ""
            problem = f"has no occupancy grid of {resolution} nodes per axis{known}"
            raise InputError(folder, problem, remedy("{}, or set inputs: rendered", Task.MAKE_GRIDS))
        return [read_voxelized_view(path).occupied for path in paths]

    def _sample(self, identity: str, sequence: str = CANONICAL_SEQUENCE, sample: str = CANONICAL_SAMPLE) -> Path:
        return self.path / identity / sequence / sample

    def _canonical_mesh(self, identity: str) -> Mesh:
        if identity not in self._canonical:
            path = self._sample(identity) / MESH
            mesh = load_mesh(path)
            if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
                raise InputError(path, "has faces that name vertices which it does not have", "export it again")
            self._canonical[identity] = mesh
        return self._canonical[identity]


def find_datasets(root: Path) -> dict[str, Path]:
    """Dataset folders by name: those in ``root``, or ``root`` when it is one itself.

    Raises:
        InputError: there are none.
    """
    if not root.is_dir():
        raise InputError(root, "no such folder", "name the folder that holds the processed datasets")
    root = root.resolve()
    if _is_dataset(root):
        return {root.name: root}
    found = {name: root / name for name in _subfolders(root) if _is_dataset(root / name)}
    if not found:
        problem = f"holds no processed dataset: nothing in it has <identity>/{CANONICAL_SEQUENCE}/{CANONICAL_SAMPLE}"
        raise InputError(root, problem, "name the folder of one dataset, or the one that holds several")
    return found


def identities_of(dataset: Path) -> list[str]:
    """Names of the identities in a dataset folder: the folders with a canonical sample."""
    return [name for name in _subfolders(dataset) if _canonical_folder(dataset / name).is_dir()]


def find_split(root: Path, split: str) -> Path:
    """Folder of a split: a path, or a name looked up in ``ZSPLITS_*`` of ``root`` and of the folder around it.

    Raises:
        InputError: there is none, or several have this name.
    """
    if Path(split).is_dir():
        return Path(split)
    root = root.resolve()
    known = [p for around in (root, root.parent) for p in sorted(around.glob("ZSPLITS_*/*")) if p.is_dir()]
    found = [path for path in known if path.name == split]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(Choice(Setting.SPLIT, split), f"names {found[0]} and {found[1]}", "give the folder")
    names = ", ".join(path.name for path in known[:5]) or f"none in ZSPLITS_* of {root}"
    raise InputError(Choice(Setting.SPLIT, split), "no such split", f"known: {names}; or give the folder")


def _is_dataset(path: Path) -> bool:
    return any(_canonical_folder(path / name).is_dir() for name in _subfolders(path))


def _canonical_folder(identity: Path) -> Path:
    return identity / CANONICAL_SEQUENCE / CANONICAL_SAMPLE


def _subfolders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(path, "no such folder", "check the names in the labels") from None
    return sorted(names, key=lambda name: natural_key(Path(name)))
