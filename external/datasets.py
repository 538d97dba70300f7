"""Opening datasets of every layout that is known: this project's own, views of them, and foreign trees in place."""

from pathlib import Path

from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.store import MeshStore


def _npms_store(path: Path, derived: Path) -> MeshStore:
    from external.npms.tree import NpmsStore

    return NpmsStore(path, derived)


STORES = {"npms": _npms_store}
"""Foreign layouts that ``dataset.json`` of a view may name."""


def open_dataset(root: Path) -> RegisteredDataset:
    """The registered dataset or view in ``root``.

    Raises:
        InputError: it is not a dataset, or one of its sources cannot be opened.
    """
    return load_registered_dataset(root, STORES)
