"""Sampling the signed-distance pools of a dataset's canonical meshes; `engine.dataset.pools` has their format."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset.pools import SdfPools, pools_folder
from engine.dataset.registered import RegisteredDataset
from engine.errors import Cancelled, InputError
from engine.files import replacing_folder
from engine.geometry.signed_distance import face_normals, sample_surface, signed_distance
from engine.progress import Progress

NEAR_DISTANCE = 0.05
"""Largest offset of a near sample from the surface, canonical units."""


def sample_pools(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    counts: tuple[int, int, int],
    generator: np.random.Generator,
) -> SdfPools:
    """Sample the pools of one closed canonical mesh.

    Near samples start on the surface and move along the normal by at most `NEAR_DISTANCE`, the closer the likelier
    (offset ``+-0.05 u^2``, the law of the published NPM data). Their value is the distance to the whole mesh and not
    the offset, which differs in folds.

    Args:
        vertices: (V, 3), canonical units
        faces: (T, 3)
        counts: number of near, uniform and surface samples
    """
    near_count, uniform_count, surface_count = counts
    picks, barycentric = sample_surface(vertices, faces, near_count, generator)
    normals = face_normals(vertices, faces)
    on_surface = (np.asarray(vertices, np.float64)[faces[picks]] * barycentric[:, :, None]).sum(1)
    offsets = NEAR_DISTANCE * generator.random(near_count) ** 2 * generator.choice((-1.0, 1.0), near_count)
    near = on_surface + offsets[:, None] * normals[picks]
    uniform = generator.uniform(-0.5, 0.5, (uniform_count, 3))
    distances = signed_distance(np.concatenate((near, uniform)), vertices, faces)
    picks, barycentric = sample_surface(vertices, faces, surface_count, generator)
    surface = (np.asarray(vertices, np.float64)[faces[picks]] * barycentric[:, :, None]).sum(1)
    return SdfPools(
        np.column_stack((near, distances[:near_count])).astype(np.float32),
        np.column_stack((uniform, distances[near_count:])).astype(np.float32),
        np.column_stack((surface, normals[picks])).astype(np.float32),
    )


def prepare_pools(
    dataset: RegisteredDataset,
    counts: tuple[int, int, int] = (200_000, 100_000, 50_000),
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write the pools of every identity that has none yet; returns how many were written.

    Args:
        counts: number of near, uniform and surface samples of each identity

    Raises:
        InputError: a canonical mesh is not closed, has numbers that are not finite or leaves the cube.
        Cancelled: asked to stop; finished identities are kept.
    """
    progress = progress or Progress()
    missing = [i for i, name in enumerate(dataset.identities) if not pools_folder(dataset, i).is_dir()]
    progress.stage("prepare", len(missing))

    def write(identity: int) -> None:
        if progress.cancelled():
            return
        vertices = dataset.canonical(identity)
        faces = dataset.faces(identity)
        check_canonical(vertices, faces, dataset.folder(identity) / "canonical.npy")
        pools = sample_pools(vertices, faces, counts, np.random.default_rng([seed, identity]))
        with replacing_folder(pools_folder(dataset, identity)) as folder:
            for name in ("near", "uniform", "surface"):
                np.save(folder / f"{name}.npy", getattr(pools, name))

    with ThreadPoolExecutor(workers) as executor:  # the library releases the interpreter lock while it works
        for done, _ in enumerate(executor.map(write, missing), 1):
            progress.advance(done)
    if progress.cancelled():
        raise Cancelled
    return len(missing)


def check_canonical(vertices: NDArray[np.floating], faces: NDArray[np.integer], path: Path) -> None:
    """Refuse a canonical mesh (vertices (V, 3), faces (T, 3)) that has no well-defined inside in the cube.

    Raises:
        InputError: naming ``path``.
    """
    if not np.isfinite(vertices).all():
        raise InputError(path, "has vertices that are not finite", "export it again")
    extent = float(np.abs(vertices).max())
    if extent > 0.5:
        raise InputError(path, f"leaves the cube [-0.5, 0.5]^3 (reaches {extent:.3f})", "normalise the dataset again")
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    forward = edges[:, 0].astype(np.int64) * (len(vertices) + 1) + edges[:, 1]
    backward = edges[:, 1].astype(np.int64) * (len(vertices) + 1) + edges[:, 0]
    open_edges = int((~np.isin(forward, backward)).sum())
    if open_edges:
        raise InputError(path, f"is not closed ({open_edges} open edges)", "close the holes of the canonical mesh")
