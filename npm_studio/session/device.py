"""The device that models are loaded onto, as the user wants it."""

import logging

import torch

from engine.core.devices import resolve_device
from engine.core.errors import InputError
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
