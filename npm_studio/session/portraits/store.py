"""Pictures and measurements of a model on disk, in the user's folder of what can be made again."""

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from platformdirs import user_cache_path

from engine.core.files import replacing_file, write_json
from engine.models.model import NeuralParametricModel
from npm_studio.session.document.explorer import Codes
from npm_studio.session.portraits.painting import SIZE, Picture

VERSION = 1
"""To be raised when pictures or measurements of the same codes change."""
MOST_PICTURES = 4000
"""Of all models; more would be those of codes that nobody looks at any more."""
_log = logging.getLogger(__name__)


class PortraitStore:
    """By the hash of a model and the codes; what is damaged or cannot be written is made again."""

    def __init__(self, model: NeuralParametricModel) -> None:
        self.folder = user_cache_path("npm-studio", appauthor=False) / "portraits" / f"{hash_of(model)}-{VERSION}"

    def picture(self, key: str) -> Picture | None:
        """The one that was written as ``key``."""
        path = self._path(key)
        try:
            if not path.is_file():
                return None
            with Image.open(path) as image:
                picture = np.asarray(image)
            with suppress(OSError):
                path.touch()  # those that nobody looks at go first
        except (OSError, ValueError) as error:
            _log.warning("%s is made again: %s", path, error)
            return None
        return picture if picture.shape == (SIZE, SIZE, 2) and picture.dtype == np.uint8 else None

    def keep_picture(self, key: str, picture: Picture) -> None:
        try:
            with replacing_file(self._path(key)) as temporary:
                Image.fromarray(picture, "LA").save(temporary, "PNG")
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path(key), error)

    def values(self, name: str) -> Any:
        """What was kept as ``name``; None where nothing was."""
        path = self.folder / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, ValueError) as error:
            _log.warning("%s is made again: %s", path, error)
            return None

    def keep_values(self, name: str, values: Any) -> None:
        try:
            write_json(self.folder / f"{name}.json", values)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self.folder, error)

    def tidy(self) -> None:
        """Take away the pictures that were used longest ago where there are too many."""
        try:
            pictures = sorted(self.folder.parent.glob("*/*.png"), key=lambda path: path.stat().st_mtime)
            for path in pictures[:-MOST_PICTURES]:
                path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be tidied: %s", self.folder, error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.png"


def key_of(codes: Codes) -> str:
    """The same for equal codes."""
    parts = [code.numpy().tobytes() for code in (codes.shape, codes.pose) if code is not None]
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:24]


def hash_of(model: NeuralParametricModel) -> str:
    """The same for models that make the same meshes."""
    known = hashlib.sha256()
    for module in (model.shape_decoder, model.pose_decoder):
        for name, value in sorted(module.state_dict().items()) if module is not None else ():
            known.update(name.encode())
            known.update(value.detach().float().cpu().numpy().tobytes())
    for codes in (model.shape_codes, model.pose_codes):
        known.update(b"" if codes is None else codes.detach().cpu().numpy().tobytes())
    return known.hexdigest()[:24]
