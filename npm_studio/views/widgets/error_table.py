"""Errors of the sides of a comparison over the sequence, as a small table."""

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from npm_studio.session.document.side_errors import SequenceError
from npm_studio.views.widgets.side_marks import SIZE, side_icon, side_letter

_COLUMNS = (
    ("", "Side"),
    ("Mean", "Mean over the frames, mm"),
    ("Median", "Median over the frames, mm"),
    (
        "Worst\nframe",
        "The mean error of the worst frame, mm; single places in it may be farther off. A click shows that frame",
    ),
    (
        "Lost",
        "Frames that are lost: against the truth, those more than 40 mm off (100 mm where points correspond); "
        "otherwise those that the run itself does not trust",
    ),
)
_WORST = 3
_ROW = 24


@dataclass(frozen=True)
class TableRow:
    """One side."""

    title: str
    errors: SequenceError | None = None
    """None where it is not measured yet."""
    instead: str = ""
    """Why it is not measured at all."""
    distance: str = ""
    """Which one is measured, in words."""
    is_complete: bool = True
    """Whether all frames are measured."""


class ErrorTable(QTableWidget):
    """A row per side, in their order; a click on the worst frame shows it."""

    frame_wanted = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setAccessibleName("Errors over the sequence, mm")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setShowGrid(False)
        self.setIconSize(QSize(SIZE, SIZE))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for column, (title, tooltip) in enumerate(_COLUMNS):
            item = QTableWidgetItem(title)
            item.setToolTip(tooltip)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setHorizontalHeaderItem(column, item)
        across, down = self.horizontalHeader(), self.verticalHeader()
        assert across is not None and down is not None
        across.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        across.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        across.setMinimumSectionSize(30)
        across.resizeSection(0, SIZE + 14)
        across.setSectionsClickable(False)
        down.hide()
        down.setDefaultSectionSize(_ROW)
        self.cellClicked.connect(self._on_click)
        self.cellActivated.connect(self._on_click)
        self._worst: list[int | None] = []

    def fill(self, rows: Sequence[TableRow]) -> None:
        self._worst = [None if row.errors is None else row.errors.worst_frame for row in rows]
        self.setRowCount(len(rows))
        self.clearSpans()
        for place, row in enumerate(rows):
            head = QTableWidgetItem(side_icon(place), "")
            head.setToolTip(row.title)
            head.setData(Qt.ItemDataRole.AccessibleTextRole, f"Side {side_letter(place)}: {row.title}")
            self.setItem(place, 0, head)
            cells = _cells(row)
            for column, (text, tooltip) in enumerate(cells, start=1):
                item = QTableWidgetItem(text)
                item.setToolTip(tooltip)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(place, column, item)
            if len(cells) == 1:
                self.setSpan(place, 1, 1, len(_COLUMNS) - 1)
        header = self.horizontalHeader()
        assert header is not None
        self.setFixedHeight(header.sizeHint().height() + _ROW * len(rows) + 10)

    def texts(self) -> list[list[str]]:
        """Of all cells, row by row."""
        rows = range(self.rowCount())
        cells = [[self.item(row, column) for column in range(1, self.columnCount())] for row in rows]
        return [["" if item is None else item.text() for item in row] for row in cells]

    def _on_click(self, row: int, column: int) -> None:
        frame = self._worst[row] if row < len(self._worst) else None
        if column == _WORST and frame is not None:
            self.frame_wanted.emit(frame)


def _cells(row: TableRow) -> list[tuple[str, str]]:
    """Text and tooltip of each."""
    if row.instead:
        return [(row.instead, f"{row.title}: {row.instead}")]
    if row.errors is None:
        return [("…", f"{row.title} has not been measured yet")] * (len(_COLUMNS) - 1)
    errors = row.errors
    so_far, dots = ("", "") if row.is_complete else (" so far", "…")
    over = f"{row.title}, over {errors.frames} frame{'s' * (errors.frames > 1)}{so_far}"
    which = f" {row.distance}".rstrip()
    lost = "–" if errors.lost is None else str(errors.lost)
    return [
        (f"{errors.mean_mm:.1f}{dots}", f"{over}: mean {errors.mean_mm:.2f} mm{which}"),
        (f"{errors.median_mm:.1f}{dots}", f"{over}: median {errors.median_mm:.2f} mm{which}"),
        (
            f"{errors.worst_mm:.1f}{dots}",
            f"{row.title}: mean of the worst, frame {errors.worst_frame + 1}{which}. Click to show it",
        ),
        (lost, f"{over}: nobody says which are lost" if errors.lost is None else f"{over}: {lost} lost"),
    ]
