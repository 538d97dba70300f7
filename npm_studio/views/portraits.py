"""Small pictures of bodies for whoever shows them, made in the background; what is measured of bodies, too."""

from collections import OrderedDict
from contextlib import suppress

import numpy as np
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QPixmap

from engine.geometry.mesh import Mesh
from npm_studio.session.document.explorer import Codes, Explorer
from npm_studio.session.portraits.direction_names import DirectionName, Names
from npm_studio.session.portraits.painting import Picture
from npm_studio.session.portraits.store import key_of
from npm_studio.session.portraits.worker import LISTS, PortraitListener, PortraitWorker
from npm_studio.views.theme import Theme

MOST_PICTURES = 1000
"""In memory, those that were looked at last, about 20 KB each: far more than a window shows. Others are on disk."""


class Portraits(QObject):
    """Pictures of the bodies of the open model, by their codes."""

    arrived = pyqtSignal(str)
    """There is a picture of the codes with this key."""
    names_changed = pyqtSignal()
    measured = pyqtSignal(object, object)
    """The surface that was to be measured, and its measurements."""

    _picture_made = pyqtSignal(object, str, object)
    _names_found = pyqtSignal(object, object)
    _shape_measured = pyqtSignal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: PortraitWorker | None = None
        self._pictures: OrderedDict[str, tuple[Picture, dict[tuple[str, int], QPixmap]]] = OrderedDict()
        """Each with its pixmaps by theme and size, what was looked at last at the end."""
        self._names: dict[str, Names] = {}
        self.is_allowed = False
        """Whether there is time for pictures; read by the thread that makes them."""
        self._picture_made.connect(self._on_picture)
        self._names_found.connect(self._on_names)
        self._shape_measured.connect(self._on_measured)

    def open(self, explorer: Explorer | None) -> PortraitWorker | None:
        """Take another model, or none; returns the thread of the last one, which is told to end."""
        retired, self._worker = self._worker, None
        if retired is not None:
            retired.close(timeout=0)
        self._pictures.clear()
        self._names = {}
        self.is_allowed = False  # until the first mesh is there
        if explorer is not None:
            worker: PortraitWorker
            listener = PortraitListener(
                picture=lambda key, picture: self._tell("_picture_made", worker, key, picture),
                names=lambda names: self._tell("_names_found", worker, names),
                measured=lambda surface, shape: self._tell("_shape_measured", worker, surface, shape),
            )
            worker = PortraitWorker(explorer, listener, lambda: self.is_allowed)
            self._worker = worker
            worker.request_names()
        self.names_changed.emit()
        return retired

    @property
    def are_complete(self) -> bool:
        """Whether all that was asked for has been made; it may still be on its way through the event loop."""
        return self._worker is None or self._worker.is_done

    def pixmap(self, codes: Codes, theme: Theme, size: int, kind: int = LISTS) -> QPixmap | None:
        """The picture in the colours of ``theme``, ``size`` pixels high and wide; None where it is to come."""
        key = key_of(codes)
        if key not in self._pictures:
            if self._worker is not None:
                self._worker.request(codes, kind)
            return None
        self._pictures.move_to_end(key)
        picture, pixmaps = self._pictures[key]
        if (theme.name, size) not in pixmaps:
            pixmaps[theme.name, size] = _tinted(picture, theme, size)
        return pixmaps[theme.name, size]

    def name(self, space: str, direction: int) -> DirectionName | None:
        """What a direction does; None where nothing fits, or nobody knows yet."""
        names = self._names.get(space, ())
        return names[direction] if direction < len(names) else None

    def measure(self, surface: Mesh) -> None:
        """Measure a ``surface`` in metres, in the canonical pose; the latest one wins."""
        if self._worker is not None:
            self._worker.measure(surface)

    def _tell(self, signal: str, *what: object) -> None:
        """Whoever deletes the window without closing it leaves nobody to tell."""
        with suppress(RuntimeError):
            getattr(self, signal).emit(*what)

    def _on_picture(self, worker: PortraitWorker, key: str, picture: Picture) -> None:
        if worker is self._worker:
            self._pictures[key] = picture, {}
            if len(self._pictures) > MOST_PICTURES:
                self._pictures.popitem(last=False)
            self.arrived.emit(key)

    def _on_names(self, worker: PortraitWorker, names: dict[str, Names]) -> None:
        if worker is self._worker:
            self._names = names
            self.names_changed.emit()

    def _on_measured(self, worker: PortraitWorker, surface: Mesh, shape: dict[str, float]) -> None:
        if worker is self._worker:
            self.measured.emit(surface, shape)


def _tinted(picture: Picture, theme: Theme, size: int) -> QPixmap:
    """``picture`` in the colour that meshes have in ``theme``."""
    colour = QColor(theme.mesh)
    shade = picture[..., 0].astype(np.float32) / 255
    pixels = np.empty((*shade.shape, 4), np.uint8)
    for channel, part in enumerate((colour.blue(), colour.green(), colour.red())):
        pixels[..., channel] = np.rint(part * shade)
    pixels[..., 3] = picture[..., 1]
    height, width = shade.shape
    image = QImage(pixels.tobytes(), width, height, QImage.Format.Format_ARGB32)
    mode = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.copy()).scaled(size, size, Qt.AspectRatioMode.KeepAspectRatio, mode)
