"""Pools of signed-distance samples on disk, the training samples of the shape stage.

For each identity, under ``<identity>/pools``:

    near.npy      (N, 4) float32  x, y, z, signed distance; close to the surface
    uniform.npy   (N, 4) float32  the same, uniform in the cube
    surface.npy   (N, 6) float32  points on the surface and their normals
    report.json                   how they were made, and ``mesh``, the fingerprint of the mesh that was sampled
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Do, InputError, Task, remedy
from engine.core.files import read_json
from engine.dataset.arrays import SdfPools, load_array
from engine.dataset.fingerprint import mesh_fingerprint
from engine.dataset.registered import RegisteredDataset


def pools_folder(dataset: RegisteredDataset, identity: int) -> Path:
    """Where preparation puts the pools of one identity."""
    return dataset.folder(identity) / "pools"


def mesh_to_sample(
    dataset: RegisteredDataset, identity: int
) -> tuple[NDArray[np.floating[Any]], NDArray[np.integer[Any]], bool]:
    """Vertices (V, 3) and faces (T, 3) that pools are made of, and whether that is a closed mesh that came along.

    Raises:
        InputError: it is missing or damaged.
    """
    stored = dataset.stored[identity]
    if (closed := stored.store.watertight(stored.name)) is not None:
        return closed.vertices, closed.faces, True
    return dataset.canonical(identity), dataset.faces(identity), False


def pools_are_stale(dataset: RegisteredDataset, identity: int) -> bool:
    """Whether the pools that were prepared for an identity are those of another mesh than it has now.

    Pools from before fingerprints were stored pass; `engine.dataset.verification` measures samples of all.
    """
    path = pools_folder(dataset, identity) / "report.json"
    report = read_json(path) if path.is_file() else None
    made_of = report.get("mesh") if isinstance(report, dict) else None
    if made_of is None:
        return False
    vertices, faces, _ = mesh_to_sample(dataset, identity)
    return bool(made_of != mesh_fingerprint(vertices, faces))


def load_pools(dataset: RegisteredDataset, identity: int) -> SdfPools:
    """The pools of one identity, memory-mapped: those that were prepared, else those that came with the dataset.

    Raises:
        InputError: there are none, they are damaged, or they were made of another mesh.
    """
    folder = pools_folder(dataset, identity)
    if not folder.is_dir():
        stored = dataset.stored[identity]
        given = stored.store.pools(stored.name)
        if given is not None:
            return given
        raise InputError(folder, "has not been made yet", remedy("{}", Do(Task.PREPARE, dataset.root)))
    if pools_are_stale(dataset, identity):
        again = remedy("{}, which makes them anew", Do(Task.PREPARE, dataset.root))
        raise InputError(folder, "was made of another canonical mesh than the one that is there now", again)
    pools = SdfPools(*(load_array(folder / f"{name}.npy") for name in ("near", "uniform", "surface")))
    for name, columns in (("near", 4), ("uniform", 4), ("surface", 6)):
        array = getattr(pools, name)
        if array.ndim != 2 or array.shape[1] != columns or len(array) == 0:
            raise InputError(folder / f"{name}.npy", f"must be (N, {columns}), is {array.shape}", "prepare it again")
    return pools
