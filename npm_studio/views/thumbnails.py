"""Takes small pictures of projects that are saved and of models that are opened."""

import logging
from contextlib import suppress
from pathlib import Path

from PyQt6.QtCore import QObject, QSize, Qt, QTimer
from PyQt6.QtGui import QPainter

from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.session.thumbnails import SIZE, forget_all_but, thumbnail_of
from npm_studio.views.opening import recent
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea

_LATER_MS = 1500
"""After the first fine mesh of a model, when the hand of the user is perhaps elsewhere."""
_log = logging.getLogger(__name__)


class Thumbnails(QObject):
    """Of one window."""

    def __init__(self, session: Session, viewports: ViewportArea, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._viewports = session, viewports
        self._model: Path | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_LATER_MS)
        self._soon.timeout.connect(self._take_of_model)
        session.meshes_ready.connect(self._on_meshes)

    def take(self, path: Path) -> None:
        """Keep how the views look now as the picture of ``path``; where that cannot be, there is none.

        A window that is gone shows nothing new, and nobody waits for a picture of it.
        """
        if not self._viewports.isVisible():
            return
        size = QSize(*SIZE) * 2  # also for screens with two pixels in place of one
        smooth = Qt.TransformationMode.SmoothTransformation
        whole = self._viewports.picture().scaled(size, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        # beside a high view its background goes on: cut to shape, bodies would lose heads
        picture = whole.copy(0, 0, 1, whole.height()).scaled(size)
        painter = QPainter(picture)
        painter.drawPixmap((size.width() - whole.width()) // 2, (size.height() - whole.height()) // 2, whole)
        painter.end()
        target = thumbnail_of(path)
        with suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
        if not picture.save(str(target), "PNG"):
            _log.info("no picture of %s could be kept", path)
        forget_all_but(recent())

    def _on_meshes(self, reply: MeshReply) -> None:
        folder = self._session.document.model_folder
        if reply.quality is Quality.FINE and folder is not None and folder != self._model:
            self._model = folder
            if not thumbnail_of(folder).is_file():
                self._soon.start()

    def _take_of_model(self) -> None:
        state = self._session.document.state
        if state.view.workspace == "explore" and state.model is not None and state.model == self._model:
            self.take(state.model)
