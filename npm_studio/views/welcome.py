"""What a new user sees first: what one can do here, what was open lately, and where to drop one's own."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QPixmap
from PyQt6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from npm_studio.session.document.recognise import Kind, marked_kind
from npm_studio.session.settings import change_settings, load_settings
from npm_studio.session.thumbnails import SIZE, thumbnail_of
from npm_studio.views.theme import Theme, pixmap
from npm_studio.views.widgets.basics import ElidedLabel, heading, note

_WIDTH = 470
_PICTURE = QSize(SIZE[0] // 2, SIZE[1] // 2)
_MOST = 6
"""Of what was open lately."""
_ACROSS = 2
_ICONS = {"model": "model", "run": "fit", "project": "folder", "dataset": "folder"}


class ChoiceCard(QPushButton):
    """A large button: a picture, a title, and a line below it."""

    def __init__(self, title: str, detail: str, picture: QSize, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("choice")
        self.setAccessibleName(title)
        self.setAccessibleDescription(detail)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._picture, name, below = QLabel(), ElidedLabel(title), note(detail)
        self._picture.setFixedSize(picture)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        name.setObjectName("")
        font = name.font()
        font.setWeight(font.Weight.DemiBold)
        name.setFont(font)
        name.setFixedHeight(name.fontMetrics().height() + 2)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(name)
        words.addWidget(below)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 12, 10)
        row.setSpacing(12)
        row.addWidget(self._picture)
        row.addLayout(words, 1)
        for label in (self._picture, name, below):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return layout.minimumSize()

    def set_picture(self, picture: QPixmap) -> None:
        self._picture.setPixmap(picture)


class Welcome(QWidget):
    """A page beside the view; it says what was chosen and does nothing itself."""

    explore_chosen = pyqtSignal()
    demo_chosen = pyqtSignal()
    """The built-in recording is to be opened."""
    path_chosen = pyqtSignal(object)
    """One of those that were open lately."""

    def __init__(self, actions: Sequence[QAction], recent: Callable[[], list[Path]]) -> None:
        """
        Args:
            actions: what opens things of the user's own
            recent: paths that were open lately, the newest first
        """
        super().__init__()
        self._recent = recent
        self._paths: list[Path] = []
        """Of the cards."""
        self._theme: Theme | None = None
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(_WIDTH - 40)
        self.setMaximumWidth(2 * _WIDTH)
        title = heading("NPM Studio")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() + 8)
        title.setFont(font)
        icon = QSize(44, 44)
        self.explore = ChoiceCard("Explore bodies", "Sliders through the shapes and poses of the built-in model.", icon)
        self.demo = ChoiceCard("Fit a recording", "The built-in recording of a depth camera: a body that moves.", icon)
        self.explore.clicked.connect(self.explore_chosen)
        self.demo.clicked.connect(self.demo_chosen)
        choices = QHBoxLayout()
        choices.setSpacing(10)
        choices.addWidget(self.explore, 1)
        choices.addWidget(self.demo, 1)
        self._cards = QGridLayout()
        self._cards.setSpacing(10)
        self._nothing = note("What you open will be listed here, with a picture.")
        self.at_start = QCheckBox("Show this page at start")
        self.at_start.setChecked(load_settings().welcome)
        self.at_start.toggled.connect(lambda shown: change_settings(welcome=shown))
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(28, 24, 28, 20)
        column.setSpacing(10)
        column.addWidget(title)
        column.addWidget(note("Learn, explore and fit neural parametric models of bodies and hands."))
        column.addSpacing(8)
        column.addWidget(heading("Begin"))
        column.addLayout(choices)
        column.addSpacing(8)
        column.addWidget(heading("Open your own"))
        column.addLayout(_grid_of(actions))
        column.addWidget(note("Or drop it anywhere on the window: a recording, a model, a run, a project, a dataset."))
        column.addSpacing(8)
        column.addWidget(heading("Recent"))
        column.addLayout(self._cards)
        column.addWidget(self._nothing)
        column.addStretch(1)
        column.addWidget(self.at_start)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(area)
        self.setFocusProxy(self.explore)

    @property
    def cards(self) -> list[ChoiceCard]:
        """Of what was open lately."""
        items = (self._cards.itemAt(index) for index in range(self._cards.count()))
        return [card for item in items if item is not None and isinstance(card := item.widget(), ChoiceCard)]

    def fill(self) -> None:
        """List what was open lately, as it is now: projects first, and all else by when it was open."""
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        paths = sorted(self._recent(), key=lambda path: marked_kind(path) is not Kind.PROJECT)[:_MOST]
        self._paths = paths
        for place, path in enumerate(paths):
            card = ChoiceCard(path.name, str(path.parent), _PICTURE)
            card.setToolTip(str(path))
            card.clicked.connect(lambda _, path=path: self.path_chosen.emit(path))
            self._cards.addWidget(card, *divmod(place, _ACROSS))
        for column in range(_ACROSS):
            self._cards.setColumnStretch(column, 1)
        self._nothing.setVisible(not paths)
        self._paint()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._paint()

    def _paint(self) -> None:
        if self._theme is None:
            return
        for card, name in ((self.explore, "model"), (self.demo, "fit")):
            card.set_picture(pixmap(name, self._theme.accent, 40))
        for card, path in zip(self.cards, self._paths, strict=True):
            card.set_picture(_picture_of(path, self._theme))


def _grid_of(actions: Sequence[QAction]) -> QGridLayout:
    """Two rows of buttons: a third would not fit onto small screens."""
    grid, across = QGridLayout(), (len(actions) + 1) // 2
    grid.setSpacing(8)
    for place, action in enumerate(actions):
        button = QPushButton(action.text().replace("&", "").removeprefix("Open "))  # which the heading says
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        grid.addWidget(button, *divmod(place, across))
    return grid


def _picture_of(path: Path, theme: Theme) -> QPixmap:
    """The small picture of ``path``, or where there is none an icon of what it is."""
    picture = QPixmap(str(thumbnail_of(path)))
    if picture.isNull():
        kind = marked_kind(path)
        return pixmap(_ICONS.get(kind.value, "sequence") if kind is not None else "sequence", theme.muted, 40)
    return picture.scaled(_PICTURE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
