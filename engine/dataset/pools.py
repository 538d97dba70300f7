"""Pools of signed-distance samples on disk, the training samples of the shape stage.

For each identity, under ``<identity>/pools``:

    near.npy      (N, 4) float32  x, y, z, signed distance; close to the surface
    uniform.npy   (N, 4) float32  the same, uniform in the cube
    surface.npy   (N, 6) float32  points on the surface and their normals
"""

from pathlib import Path

from engine.core.errors import Do, InputError, Task, remedy
from engine.dataset.arrays import SdfPools, load_array
from engine.dataset.registered import RegisteredDataset


def pools_folder(dataset: RegisteredDataset, identity: int) -> Path:
    """Where preparation puts the pools of one identity."""
    return dataset.folder(identity) / "pools"


def load_pools(dataset: RegisteredDataset, identity: int) -> SdfPools:
    """The pools of one identity, memory-mapped: those that were prepared, else those that came with the dataset.

    Raises:
        InputError: there are none, or they are damaged.
    """
    folder = pools_folder(dataset, identity)
    if not folder.is_dir():
        stored = dataset.stored[identity]
        given = stored.store.pools(stored.name)
        if given is not None:
            return given
        raise InputError(folder, "has not been made yet", remedy("{}", Do(Task.PREPARE, dataset.root)))
    pools = SdfPools(*(load_array(folder / f"{name}.npy") for name in ("near", "uniform", "surface")))
    for name, columns in (("near", 4), ("uniform", 4), ("surface", 6)):
        array = getattr(pools, name)
        if array.ndim != 2 or array.shape[1] != columns or len(array) == 0:
            raise InputError(folder / f"{name}.npy", f"must be (N, {columns}), is {array.shape}", "prepare it again")
    return pools
