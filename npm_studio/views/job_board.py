"""The job board of a window: its events are handed out on the window's thread."""

from PyQt6.QtCore import QObject, QTimer

from npm_studio.session.jobs.board import JobBoard
from npm_studio.views.words import words

INTERVAL_MS = 33


def job_board(parent: QObject) -> JobBoard:
    """A board that a timer of ``parent`` empties while there is something to expect."""
    timer = QTimer(parent)
    timer.setInterval(INTERVAL_MS)
    board = JobBoard(words, lambda busy: timer.start() if busy else timer.stop())
    timer.timeout.connect(board.hand_out)
    return board
