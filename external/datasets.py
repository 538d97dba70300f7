"""Opening datasets of every layout that is known: this project's own, views of them, and foreign trees in place."""

import logging
from pathlib import Path

from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.store import MeshStore

_log = logging.getLogger(__name__)


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
    _log.info("dataset %s", root)
    return load_registered_dataset(root, STORES)
