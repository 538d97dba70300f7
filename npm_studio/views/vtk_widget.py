"""The widget that VTK draws into."""

from math import floor

from PyQt6.QtCore import QPoint, QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QSurfaceFormat
from pyvistaqt import QtInteractor, rwi

from npm_studio.views.software_rendering import Pace, is_software, pace_of, renderer_name
from npm_studio.views.widgets.basics import BY_TAB

_STILL = 3
"""Pixels that a mouse moves in a click; more is a drag, which zooms."""


class _FormatOnce(QSurfaceFormat):
    """Does not set the format of the process again with every view: `create_application` has, and Qt would warn."""

    @staticmethod
    def setDefaultFormat(format: QSurfaceFormat) -> None:
        pass


rwi.QSurfaceFormat = _FormatOnce
# pictures are copied as large as they are: a software renderer would mix pixels with their neighbours all the same
rwi.GL_LINEAR = 0x2600  # GL_NEAREST
# as Qt does with halves, or a line at the edge would stay black where the screen is scaled by 1.5
rwi.round = lambda pixels: floor(pixels + 0.5)


class VtkWidget(QtInteractor):
    """Draws when Qt asks for it; all keys go to the application."""

    menu_wanted = pyqtSignal(QPoint)
    """Somebody clicked with the right button, there on the screen, without moving the mouse; or used the key."""
    focus_shown = pyqtSignal(bool)
    """Whether it has come to have the focus by the tabulator, which is to be seen."""

    _pace: Pace | None = None
    _pressed_at: QPointF | None = None
    """Where the right button went down."""

    @property
    def is_software(self) -> bool:
        """Whether no GPU draws; known from the first frame on."""
        return self._pace is not None

    def initializeGL(self) -> None:
        super().initializeGL()
        if is_software(renderer_name(self.ren_win.ReportCapabilities())):
            self._pace = pace_of(self.window())

    def paintGL(self) -> None:
        """The only place where VTK draws: at every event of the mouse it would, too, for Qt to have it drawn again."""
        interactor = self._Iren
        interactor.EnableRenderOn()
        super().paintGL()
        interactor.EnableRenderOff()

    def update(self) -> None:
        """Draw at the next turn of the event loop, or where no GPU draws, when there is time for it."""
        if self._pace is not None:
            self._pace.hurry()
        super().update()

    def give_back_graphics(self) -> None:
        """Free shaders, textures and buffers, those of what was on show once among them; drawing makes new ones."""
        if self.isValid():
            self.makeCurrent()
            self.ren_win.ReleaseGraphicsResources(self.ren_win)
            self.doneCurrent()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.RightButton:
            self._pressed_at = event.position()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        super().mouseReleaseEvent(event)
        if event is None or event.button() != Qt.MouseButton.RightButton or self._pressed_at is None:
            return
        moved = (event.position() - self._pressed_at).manhattanLength()
        self._pressed_at = None
        if moved <= _STILL:
            self.menu_wanted.emit(event.globalPosition().toPoint())

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        super().focusInEvent(event)
        self.focus_shown.emit(event is not None and event.reason() in BY_TAB)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        self.focus_shown.emit(False)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None and event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.menu_wanted.emit(self.mapToGlobal(self.rect().center()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        if event is not None:
            event.ignore()
