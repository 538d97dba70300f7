"""The sides of a comparison, one row each, and how many views there are."""

from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QFontMetrics
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from npm_studio.session.document.comparison import LAYOUTS
from npm_studio.views.widgets.basics import Section, Segments
from npm_studio.views.widgets.side_marks import SIZE, side_icon, side_letter
from npm_studio.views.widgets.tinted_button import TintedButton


class SideList(Section):
    """Rows with letter, title and a button that takes a side away."""

    layout_chosen = pyqtSignal(int)
    """Number of views."""
    change_wanted = pyqtSignal(int)
    """The place of a side that the user wants to choose."""
    removed = pyqtSignal(int)

    def __init__(self, swap: QAction, parent: QWidget | None = None) -> None:
        super().__init__("Sides", [swap], parent=parent)
        self.layouts = Segments([str(count) for count in LAYOUTS])
        for place, count in enumerate(LAYOUTS):
            button = self.layouts.button(place)
            button.setToolTip(f"{count} view{'s' * (count > 1)} beside each other")
            button.setAccessibleName(f"{count} view{'s' * (count > 1)}")
        self.layouts.chosen.connect(lambda place: self.layout_chosen.emit(LAYOUTS[place]))
        title = QLabel("Views")
        title.setObjectName("muted")
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(title)
        row.addWidget(self.layouts, 1)
        self.body.addLayout(row)
        self.rows = [SideRow(place) for place in range(LAYOUTS[-1])]
        for place, side in enumerate(self.rows):
            side.choice.clicked.connect(lambda _, place=place: self.change_wanted.emit(place))
            side.remove.clicked.connect(lambda _, place=place: self.removed.emit(place))
            self.body.addWidget(side)

    def fill(self, titles: Sequence[tuple[str, str]], layout: int, rows: int) -> None:
        """Show title and tooltip of each side, and as many empty rows as are left of ``rows``."""
        self.layouts.choose(LAYOUTS.index(layout))
        for place, row in enumerate(self.rows):
            row.setVisible(place < rows)
            row.show_side(*(titles[place] if place < len(titles) else ("", "")))


class SideRow(QWidget):
    """One of them; a click on its title chooses another one."""

    def __init__(self, place: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place, self._title = place, ""
        self.choice = _TitleButton()
        self.choice.setIcon(side_icon(place))
        self.choice.setIconSize(QSize(SIZE, SIZE))
        self.remove = TintedButton("close", f"Take side {side_letter(place)} away", "")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.choice, 1)
        row.addWidget(self.remove)
        self.show_side("", "")

    def show_side(self, title: str, detail: str) -> None:
        """An empty ``title`` says that a side is still to be chosen."""
        letter = side_letter(self.place)
        self.choice.set_title(title or "Choose a side…", faint=not title)
        self.choice.setAccessibleName(f"Side {letter}: {title}" if title else f"Choose side {letter}")
        self.choice.setToolTip(
            f"{title}\n{detail}\nClick to choose another one" if title else "Choose what is compared"
        )
        self.remove.setVisible(bool(title))
        self.remove.setToolTip(f"Take {title} away")


class _TitleButton(QPushButton):
    """A button whose text stands on the left and is cut where there is no room for it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("row")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._title = ""

    @property
    def title(self) -> str:
        return self._title

    def set_title(self, title: str, faint: bool) -> None:
        self._title = title
        self.setProperty("faint", "true" if faint else "false")
        style = self.style()
        assert style is not None
        style.unpolish(self)
        style.polish(self)
        self._elide()

    def resizeEvent(self, event: object) -> None:
        self._elide()

    def sizeHint(self) -> QSize:
        return QSize(120, 30)

    def _elide(self) -> None:
        room = max(self.width() - SIZE - 30, 20)
        self.setText(" " + QFontMetrics(self.font()).elidedText(self._title, Qt.TextElideMode.ElideMiddle, room))
