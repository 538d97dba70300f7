"""Models that are opened to be explored, on the device that the user wants."""

import logging
from pathlib import Path

import torch

from engine.core.devices import resolve_device
from engine.core.errors import InputError
from engine.models.checkpoint import load_model
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.settings import load_settings

_log = logging.getLogger(__name__)


def preferred_device() -> torch.device:
    """The one in the settings; where it is not there, as on another machine, the one that is taken without them."""
    wanted = load_settings().device
    try:
        return resolve_device(wanted)
    except InputError as error:
        _log.warning("the device of the settings cannot be used: %s", error)
        return resolve_device("auto")


def open_model(folder: Path) -> Explorer:
    """Load a model for exploring, onto the preferred device.

    Raises:
        InputError: it is not a model.
    """
    return Explorer(load_model(folder, preferred_device()))
