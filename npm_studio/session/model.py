"""Models that are opened to be explored, on the device that the user wants."""

import logging
from pathlib import Path
from weakref import WeakValueDictionary

import torch

from engine.core.devices import resolve_device
from engine.core.errors import InputError
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.settings import load_settings

_log = logging.getLogger(__name__)

_open: WeakValueDictionary[tuple[object, ...], NeuralParametricModel] = WeakValueDictionary()
"""Models that somebody still holds, such as a fit that can be done again, by where they are and what they were read
from."""


def preferred_device() -> torch.device:
    """The one in the settings; where it is not there, as on another machine, the one that is taken without them."""
    wanted = load_settings().device
    try:
        return resolve_device(wanted)
    except InputError as error:
        _log.warning("the device of the settings cannot be used: %s", error)
        return resolve_device("auto")


def open_model(folder: Path) -> Explorer:
    """Open a model for exploring, see `shared_model`.

    Raises:
        InputError: it is not a model.
    """
    return Explorer(shared_model(folder))


def shared_model(folder: Path) -> NeuralParametricModel:
    """A model on the preferred device; one that is in memory as it is on disk is not loaded a second time.

    Raises:
        InputError: it is not a model.
    """
    device = preferred_device()
    key = (folder.resolve(), device, _files_of(folder))
    model = _open.get(key)
    if model is None:
        model = _open[key] = load_model(folder, device)
    return model


def _files_of(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Names, times and sizes: others once one of them was written again."""
    stats = ((file.name, file.stat()) for file in folder.glob("*"))
    return frozenset((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
