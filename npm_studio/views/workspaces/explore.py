"""Sliders through the spaces of shapes and poses."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from engine.models.labels import UNLABELLED
from npm_studio.session.document.explorer import Codes, Explorer, Space, pretty
from npm_studio.session.document.timeline import Playable
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, note
from npm_studio.views.widgets.slider import DirectionSlider
from npm_studio.views.workspaces.base import TRAINING_FRAME_RATE, Actions, Workspace
from npm_studio.views.workspaces.slicing import Slicing

MOST_SLIDERS = 32
"""Later directions hold little but noise."""


class SliderList(Section):
    """Sliders of one space; as many as fit are seen, the others are scrolled to."""

    def __init__(self, title: str, space: Space, actions: Actions) -> None:
        buttons = [actions[f"edit.random_{space}"], actions[f"edit.reset_{space}"]]
        super().__init__(title, buttons)
        self.space = space
        self.sliders: list[DirectionSlider] = []
        self._empty = note("")
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body.addWidget(self._empty)
        self.body.addWidget(self._area, 1)

    def fill(self, explorer: Explorer | None) -> None:
        """Sliders for the directions of ``explorer``'s space."""
        self.sliders = []
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 10, 0)
        column.setSpacing(2)
        count = 0 if explorer is None else explorer.directions(self.space)
        shares = explorer.share_of_variance(self.space).tolist() if explorer is not None and count else []
        name = self.space.capitalize()
        for index in range(min(count, MOST_SLIDERS)):
            tooltip = (
                f"{name} direction {index + 1} of {count}: {shares[index]:.0%} of the variance of the training "
                f"{'identities' if self.space == 'shape' else 'frames'}, in standard deviations. "
                "Double-click to go back to the mean."
            )
            slider = DirectionSlider(f"{name} {index + 1}", tooltip)
            self.sliders.append(slider)
            column.addWidget(slider)
        column.addStretch(1)
        self._area.setWidget(inside)
        self._area.setVisible(count > 0)
        self._empty.setVisible(count == 0)
        nothing = "a single training identity" if self.space == "shape" else "no pose part"
        self._empty.setText("" if explorer is None else f"This model has {nothing}, so there is nothing to move.")


class ExploreWorkspace(Workspace):
    """One mesh, moved by sliders, by the library, or by playing a training sequence."""

    uses_library = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.shape, self.pose = SliderList("Shape", "shape", actions), SliderList("Pose", "pose", actions)
        self.column.setSpacing(16)
        self.column.addWidget(self.shape, 1)
        self.column.addWidget(self.pose, 1)
        self.slicing = Slicing(session, viewports)
        self.column.addWidget(self.slicing.section)
        self._rows: list[int] = []
        self._frame = 0
        self._identity_name = self._posture = ""
        self._by_slider = False
        session.document.model_changed.connect(self._on_model)
        viewports.changed.connect(self._caption)

    @property
    def explorer(self) -> Explorer | None:
        return self.session.document.explorer

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        self.slicing.enter(self.explorer)
        if self.explorer is None:
            open_model, demo = self.actions_by_id["file.open_model"], self.actions_by_id["file.demo_model"]
            text = "Open a model folder (NAME.npm), or drop one here, to move through its shapes and poses."
            self.viewports.invite("model", "No model is open", text, (open_model, demo))
            return
        self._request(settled=True)

    def leave(self) -> None:
        super().leave()
        self.slicing.leave()

    def playable(self) -> Playable:
        model = self.session.document.model
        if model is None or not self._rows:
            return Playable()
        frames = model.info.frames
        return Playable(tuple(str(frames[row]) for row in self._rows), TRAINING_FRAME_RATE, self._frame)

    def show_frame(self, frame: int) -> None:
        if self.explorer is not None and frame < len(self._rows):
            self._frame = frame
            self._describe_pose(self._rows[frame])
            self.explorer.show_frame(self._rows[frame], step="playback")

    def show_meshes(self, reply: MeshReply) -> None:
        model = self.session.document.model
        if model is None:
            return
        mesh, similarity = reply.meshes[0], model.info.similarity
        if self._framed is not model and len(mesh.vertices):
            height = float(similarity.to_world(mesh.vertices)[:, 1].min())
            self.viewports.left.ground.place(height)
        self.show_posed_mesh(self.viewports.left, mesh, similarity)
        self.slicing.follow()
        self.frame_once(model, reply.quality is Quality.FINE)
        self._caption()
        self.report_quality(reply)

    def identity_chosen(self, identity: int) -> None:
        if self.explorer is not None:
            self._identity_name = pretty(self.explorer.model.info.identities[identity])
            self.explorer.show_identity(identity)

    def frame_chosen(self, row: int) -> None:
        if self.explorer is None:
            return
        frames = self.explorer.model.info.frames
        wanted = frames[row]
        self._rows = [
            r for r in self.explorer.model.frames_of(wanted.identity) if frames[r].sequence == wanted.sequence
        ]
        self._frame = self._rows.index(row)
        self._describe_pose(row)
        self.explorer.show_frame(row)
        self.clip_changed.emit()

    def canonical_pose_chosen(self) -> None:
        if self.explorer is not None:
            self._rows = []
            self._posture = "Canonical pose"
            self.explorer.show_canonical_pose()
            self.clip_changed.emit()

    def reset_shape(self) -> None:
        if self.explorer is not None:
            self._identity_name = "Mean shape"
            self.explorer.reset("shape")

    def reset_pose(self) -> None:
        if self.explorer is not None:
            self._posture = "Mean pose"
            self.explorer.reset("pose")

    def randomise_shape(self) -> None:
        if self.explorer is not None:
            self._identity_name = "Random shape"
            self.explorer.randomise("shape")

    def randomise_pose(self) -> None:
        if self.explorer is not None:
            self._posture = "Random pose"
            self.explorer.randomise("pose")

    def undo(self) -> None:
        if self.explorer is not None:
            self._identity_name = self._posture = "After undo"
            self.explorer.undo()

    def redo(self) -> None:
        if self.explorer is not None:
            self._identity_name = self._posture = "After redo"
            self.explorer.redo()

    def _caption(self) -> None:
        if self.is_active and self.viewports.left.mesh.is_visible:
            posture = "Canonical pose, cut open" if self.viewports.display.field_slice else self._posture
            self.viewports.left.caption.set_text(self._identity_name, posture)

    def _on_model(self) -> None:
        self._rows, self._frame = [], 0
        self._identity_name, self._posture = "", ""
        for section in (self.shape, self.pose):
            section.fill(self.explorer)
            for direction, slider in enumerate(section.sliders):
                slider.moved.connect(lambda value, s=section.space, d=direction: self._on_slider(s, d, value))
                slider.released.connect(self._on_released)
        if self.explorer is None:
            return
        self.explorer.changed.connect(self._on_codes)
        self.identity_chosen(0)
        rows = self.explorer.model.frames_of(0)
        if rows:
            self.frame_chosen(rows[0])
        else:
            self.canonical_pose_chosen()
        self.explorer.forget_history()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _on_slider(self, space: Space, direction: int, value: float) -> None:
        if self.explorer is None:
            return
        if space == "shape":
            self._identity_name = "Own shape"
        else:
            self._posture = "Own pose"
        self._by_slider = True
        self.explorer.move(space, direction, value)
        self._by_slider = False

    def _on_released(self) -> None:
        if self.explorer is not None:
            self.explorer.end_move()
        self.session.settle()

    def _on_codes(self) -> None:
        self._show_values()
        self._request(settled=not self._by_slider and not self.session.document.timeline.playing)

    def _show_values(self) -> None:
        if self.explorer is None:
            return
        for section in (self.shape, self.pose):
            values = self.explorer.coefficients(section.space).tolist()
            for slider, value in zip(section.sliders, values, strict=False):
                if not slider.slider.isSliderDown():
                    slider.set_value(value)

    def _request(self, settled: bool) -> None:
        if self.is_active and self.explorer is not None:
            self.session.request((self.explorer.codes,), settled, self._ahead())

    def _ahead(self) -> tuple[Codes, ...]:
        """What playback will ask for next."""
        if self.explorer is None or not self._rows:
            return ()
        frames = self.upcoming_frames(self._frame, len(self._rows))
        return tuple(self.explorer.codes_of_frame(self._rows[frame]) for frame in frames)

    def _describe_pose(self, row: int) -> None:
        assert self.explorer is not None
        frame = self.explorer.model.info.frames[row]
        owner = pretty(self.explorer.model.info.identities[frame.identity])
        whose = "" if frame.sequence == UNLABELLED else f" of {owner}"
        self._posture = f"{pretty(frame.sequence)}, frame {int(frame.sample)}{whose}"
