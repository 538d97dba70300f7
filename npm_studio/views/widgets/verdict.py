"""What a run says of itself beside its card: the reason of its verdict, a side, and which frames are lost."""

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from engine.methods.run import Run
from engine.methods.run_summary import lost_text, side_text
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.views.widgets.badge import Tone
from npm_studio.views.widgets.basics import note
from npm_studio.views.widgets.run_card import TONES


class VerdictNote(QWidget):
    """Hidden while no run is on show, or one that says nothing, as older ones do."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reason, self.side, self.lost = note(""), note(""), note("")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.stale = note("")
        self.stale.setObjectName("stale")
        column.addWidget(self.stale)
        column.addWidget(self.reason)
        column.addWidget(self.side)
        column.addWidget(self.lost)
        self.show_run(None)

    def show_run(self, run: Run | None, stale: str = "") -> None:
        """
        Args:
            stale: in what it was fitted otherwise than its recording is open now
        """
        self.setVisible(run is not None and (run.verdict is not None or bool(stale)))
        self.stale.setText(f"{stale[:1].upper()}{stale[1:]}: fit it again to see what comes of it now.")
        self.stale.setVisible(bool(stale))
        for label in (self.reason, self.side, self.lost):
            label.hide()
        if run is None or run.verdict is None:
            return
        for label, text in ((self.reason, run.reason or ""), (self.side, side_text(run)), (self.lost, lost_text(run))):
            label.setText(f"{text[:1].upper()}{text[1:]}." if text else "")
            label.setVisible(bool(text))


def quality_of(
    meshes: MeshSequence | None, run: Run | None, is_preview: bool, stale: str = ""
) -> tuple[str, Tone, str]:
    """Of ``meshes`` on show, those of ``run`` or a preview of one: a word, its tone, and numbers beside it.

    Args:
        stale: in what ``run`` was fitted otherwise than its recording is open now
    """
    if meshes is None:
        return "", "good", ""
    detail = f"{len(meshes.read(0).vertices):,} vertices · {len(meshes)} frames"
    if run is not None and stale:
        return "Out of date", "warn", f"{stale[:1].upper()}{stale[1:]}"
    if run is not None and run.verdict is not None:
        return f"{run.verdict.capitalize()} fit", TONES[run.verdict], detail
    return ("Preview", "warn", detail) if is_preview else ("Fitted", "good", detail)
