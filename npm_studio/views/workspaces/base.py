"""What every workspace of the window has."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity
from npm_studio.session.commands.view import WorkspaceTitle
from npm_studio.session.document.state import DocumentState, Exploration
from npm_studio.session.document.timeline import Playable, upcoming
from npm_studio.session.jobs.exporting import Exportable
from npm_studio.session.live.request import MeshReply, PosedMesh, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport import Viewport
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import MARGIN
from npm_studio.views.widgets.dragged import Dragged
from npm_studio.views.widgets.slider import BarSlider

TRAINING_FRAME_RATE = 6.0
"""Frames per second at which training sequences begin to play: a model does not store their own."""
FRAMES_AHEAD = 12
"""That the live thread may pose while the frame on show is looked at."""

Actions = Mapping[str, QAction]
"""By command id."""


class Workspace(QWidget):
    """A panel beside the viewports that decides what they show and what the timeline plays."""

    uses_library = False
    """Whether the lists of identities and poses on the left mean something here."""
    shows_live = False
    """Whether it shows meshes of the live lane, which have a canonical pose."""
    has_command_line = False
    """Whether a command does the same without a window."""
    shows_slices = False
    """Whether it shows planes through the field."""

    clip_changed = pyqtSignal()
    """`playable` has a new answer."""
    quality_changed = pyqtSignal(str, str, str)
    """Badge of the status bar, its `Tone`, and numbers beside it."""

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__()
        self.session, self.viewports, self.actions_by_id = session, viewports, actions
        content = QWidget()
        self.column = QVBoxLayout(content)
        self.column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self.column.setSpacing(12)
        content.setMinimumWidth(1)  # its fields shrink with the panel
        area = QScrollArea()  # on a small screen it scrolls: squeezed together, controls would be cut off
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidgetResizable(True)
        area.setWidget(content)
        area.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # nothing would show that the tabulator has come to it
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(area)
        self._area, self._scrolling = area, QTimer(self)
        self._scrolling.setSingleShot(True)
        self._scrolling.timeout.connect(self._scroll)
        self._sought: QWidget | None = None
        self.is_active = False
        self._framed: Callable[[], object] = lambda: None
        """What the camera was pointed at last, which is not held: a workspace may not be looked at for hours."""
        self.document = session.document
        self.document.changed.connect(self.follow)

    def scroll_to(self, widget: QWidget) -> None:
        """Bring ``widget`` of the panel into sight once it has its place."""
        self._sought = widget
        self._scrolling.start(0)

    def _scroll(self) -> None:
        if self._sought is not None:
            self._area.ensureWidgetVisible(self._sought)

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        """The document changed; also while another workspace is on show."""

    def enter(self) -> None:
        """The workspace comes on show."""
        self.is_active = True

    def leave(self) -> None:
        """Another one comes on show."""
        self.is_active = False
        self.session.ignore_pending_meshes()

    def playable(self) -> Playable:
        """What the timeline plays."""
        return Playable()

    def show_frame(self, frame: int) -> None:
        """The timeline moved."""

    def take_drop(self, path: Path) -> bool:
        """Whether ``path``, which was dropped on the window, means something here, and is being opened."""
        return False

    def below_timeline(self, slider: BarSlider) -> QWidget | None:
        """What stands below the ``slider`` of the timeline while this workspace has something to show there."""
        return None

    def upcoming_frames(self, frame: int, frame_count: int) -> list[int]:
        """What playback asks for after ``frame``, the soonest first; nothing while it rests."""
        timeline = self.document.timeline
        return upcoming(frame, frame_count, FRAMES_AHEAD, timeline.loop) if timeline.playing else []

    def show_meshes(self, reply: MeshReply) -> None:
        """Meshes from the live thread arrived."""

    def marked_in_library(self) -> tuple[int | None, int | None]:
        """The identity, and the row of the pose codes, whose codes are on show; None where they are no training codes.

        A row of -1 is the canonical pose.
        """
        return None, None

    def identity_chosen(self, identity: int) -> None:
        """An identity was clicked in the library."""

    def frame_chosen(self, row: int) -> None:
        """A training frame was clicked in the library; ``row`` of the pose codes."""

    def canonical_pose_chosen(self) -> None:
        """The canonical pose was clicked in the library."""

    def take_chosen_away(self) -> bool:
        """Delete was pressed; whether there is anything here that it is for."""
        return False

    def body_on_show(self) -> Exploration | None:
        """The body that the lists of the library would change, which may be one of the bookmarks."""
        return None

    def body_chosen(self, body: Exploration) -> None:
        """A bookmark was clicked in the library."""

    def can_show(self, body: Exploration) -> bool:
        """Whether ``body`` has codes of the open model; says so where it has not."""
        explorer = self.document.explorer
        if explorer is not None and not explorer.can_show(body):
            self.session.message.emit(f"{body.shape_name} is of another model")
        return explorer is not None and explorer.can_show(body)

    def bodies_of(self, folder: Path) -> tuple[Exploration, ...]:
        """What a run found, frame by frame; nothing, and it is said why, where that cannot be read."""
        try:
            return self.session.fitted.of(folder)
        except InputError as error:
            self.session.failed.emit(error, "")
            return ()

    def run_chosen(self, folder: Path) -> None:
        """A run was clicked in the library: the body that its picture there shows."""
        if bodies := self.bodies_of(folder):
            self.body_chosen(bodies[self.session.fitted.frame_on_show(folder)])

    def unkept(self) -> str:
        """What would be lost with the window, for a list, such as ``Track walk: 34 frames``; nothing: empty."""
        return ""

    def is_at_work(self) -> bool:
        """Whether what is `unkept` is still being made."""
        return False

    def keep(self) -> None:
        """The window is to close: end what is `unkept`, and keep it."""

    def take_dragged(self, what: Dragged) -> None:
        """As if it had been clicked in the library."""
        if what.kind == "identity":
            self.identity_chosen(what.number)
        elif what.kind == "pose":
            self.canonical_pose_chosen() if what.number < 0 else self.frame_chosen(what.number)
        elif what.kind == "bookmark":
            self.body_chosen(self.document.state.bookmarks[what.number].exploration)
        else:
            self.run_chosen(self.document.runs[what.number].folder.resolve())

    def command_line(self) -> str | None:
        """What does on the command line what is on show; None where nothing does, empty where it is not wanted."""
        return None

    @property
    def can_export(self) -> bool:
        """Whether `exportables` has anything, without making it."""
        return False

    def exportables(self) -> list[Exportable]:
        """What is on show, for other programs; what comes first is most likely wanted."""
        return []

    def give_up(self) -> None:
        """The window closes: let go of what is not kept."""

    def frame_once(self, what: object, inwards: bool = False) -> None:
        """Point the camera at everything, the first time that ``what`` is on show; later see `keep_in_view`."""
        is_new = what is not self._framed() and what is not self.viewports.framed()
        self._framed = self.viewports.framed = weakref.ref(what)
        self.viewports.frame_all() if is_new else self.viewports.keep_in_view(inwards)

    def frame_live(self, what: object, reply: MeshReply) -> None:
        """The same for live meshes: they never leave the view, and when the hand rests they fill it."""
        self.frame_once(what, reply.quality is Quality.FINE and not self.document.timeline.playing)

    def show_posed_mesh(
        self, view: Viewport, mesh: PosedMesh, similarity: Similarity, place: NDArray[np.float64] | None = None
    ) -> None:
        """A live mesh in canonical units, standing on the ground, at ``place`` as `Viewport.show_live` has it."""
        view.show_live(mesh, similarity, place)

    def report_quality(self, reply: MeshReply) -> None:
        """Tell the status bar how good the meshes of ``reply`` are."""
        if any(len(mesh.faces) == 0 for mesh in reply.meshes):
            self.quality_changed.emit("No surface", "warn", "These codes are too far from the training ones.")
            return
        vertices = sum(len(mesh.vertices) for mesh in reply.meshes)
        detail = f"{reply.resolution}³ grid · {vertices:,} vertices · {reply.milliseconds:.0f} ms"
        word, tone = ("Fine", "good") if reply.quality is Quality.FINE else ("Preview", "warn")
        self.quality_changed.emit(word, tone, detail)


@dataclass(frozen=True)
class WorkspaceKind:
    """A workspace that a window can have, registered in `npm_studio.views.workspaces.registry` or by a plug-in."""

    menu: WorkspaceTitle
    make: Callable[[Session, ViewportArea, Actions], Workspace]
