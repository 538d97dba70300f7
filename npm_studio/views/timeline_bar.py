"""Playback below the views."""

from dataclasses import replace

from PyQt6.QtCore import QElapsedTimer, QSize, Qt, QTimer
from PyQt6.QtGui import QFontMetrics, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QWidget

from npm_studio.session.document.timeline import Playable
from npm_studio.views.session import Session
from npm_studio.views.theme import Theme, icon
from npm_studio.views.widgets.basics import MARGIN, action_button, tool_button
from npm_studio.views.widgets.frame_track import FrameTrack
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.workspaces.base import Actions

_TICK_MS = 15
_ROOMY, _ROOMIER = 410, 520
"""Pixels of width from which on there is room for the number of the frame, and for the speed."""
_NARROWEST = 260


class TimelineBar(QWidget):
    """Buttons, a scrubber, the frame on show, and the speed; the quality of each frame has a place of its own below."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        timeline = session.document.timeline
        self.setObjectName("timeline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._document, self._timeline, self._play = session.document, timeline, actions["playback.play"]
        self.slider = BarSlider(0)
        self.slider.setAccessibleName("Frame")
        self.slider.valueChanged.connect(self._on_scrub)
        self.slider.sliderReleased.connect(self._on_released)
        self.track = FrameTrack(timeline, self.slider)
        """Stands below."""
        self.track.marked.connect(timeline.mark)
        self.track.clicked.connect(self._on_scrub)
        self.track.released.connect(self._on_marked)
        self.refit = action_button("Refit", actions["fit.refit"])
        self.refit.hide()
        self.readout = QLabel()
        self.readout.setObjectName("muted")
        self.readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.rate = QSpinBox()
        self.rate.setRange(1, 120)
        self.rate.setSuffix(" fps")
        self.rate.setToolTip("Frames per second of playback")
        self.rate.setAccessibleName("Frames per second")
        self.rate.valueChanged.connect(self._on_rate)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 7, MARGIN, 7)
        row.setSpacing(4)
        for name in ("playback.previous", "playback.play", "playback.next"):
            row.addWidget(tool_button(actions[name], 20))
        row.addSpacing(8)
        row.addWidget(self.slider, 1)
        row.addSpacing(4)
        row.addWidget(self.refit)
        row.addWidget(self.readout)
        row.addSpacing(10)
        row.addWidget(tool_button(actions["playback.loop"]))
        row.addSpacing(4)
        row.addWidget(self.rate)
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        timeline.frame_changed.connect(lambda _: self._show())
        timeline.state_changed.connect(self._on_state)
        timeline.fits_changed.connect(lambda: self.track.show_fits(timeline.fits))
        timeline.marked_changed.connect(self._on_marked)
        self._on_state()
        commands = session.commands
        commands.handle("playback.play", self.toggle)
        commands.handle("playback.previous", self.step_back)
        commands.handle("playback.next", self.step_forward)
        commands.handle("playback.first", self.first)
        commands.handle("playback.last", self.last)
        commands.handle("playback.loop", self.set_loop)
        commands.provide("has_clip", lambda: timeline.frame_count > 1 and not commands.holds("welcome_shown"))
        commands.provide("is_looping", lambda: timeline.loop)

    def minimumSizeHint(self) -> QSize:
        return QSize(_NARROWEST, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        for widget, room in ((self.readout, _ROOMY), (self.rate, _ROOMIER)):
            widget.setVisible(self.width() >= room)

    def load(self, playable: Playable) -> None:
        """Play something else from now on, as fast as somebody chose in this workspace."""
        view = self._document.state.view
        rate = view.frame_rates.get(view.workspace, playable.frame_rate)
        self._timeline.load(replace(playable, frame_rate=rate))

    def toggle(self) -> None:
        self._timeline.toggle()

    def step_back(self) -> None:
        self._timeline.step(-1)

    def step_forward(self) -> None:
        self._timeline.step(1)

    def first(self) -> None:
        self._timeline.seek(0)

    def last(self) -> None:
        self._timeline.seek(self._timeline.frame_count - 1)

    def set_loop(self, loop: bool) -> None:
        self._timeline.set_loop(loop)

    def set_theme(self, theme: Theme) -> None:
        self._icons = icon("play", theme), icon("pause", theme)
        self._show_icon()

    def _on_tick(self) -> None:
        self._timeline.advance(self._clock.restart() / 1000)

    def _on_state(self) -> None:
        if self._timeline.playing and not self._timer.isActive():
            self._clock.start()
            self._timer.start()
        elif not self._timeline.playing:
            self._timer.stop()
        self._show_icon()
        self.rate.blockSignals(True)
        self.rate.setValue(round(self._timeline.frame_rate))
        self.rate.blockSignals(False)
        self._show()

    def _show_icon(self) -> None:
        if hasattr(self, "_icons"):
            self._play.setIcon(self._icons[int(self._timeline.playing)])

    def _show(self) -> None:
        count, is_on_show = self._timeline.frame_count, self._timeline.is_on_show
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(count - 1, 0))
        self.slider.setValue(self._timeline.frame)
        self.slider.blockSignals(False)
        self.slider.update()
        for widget in (self.slider, self.rate):
            widget.setEnabled(count > 1)
        metrics = QFontMetrics(self.readout.font())
        self.readout.setFixedWidth(metrics.horizontalAdvance(f"{count} / {count}" if count else "No clip") + 8)
        number = f"{self._timeline.frame + 1}" if is_on_show else "–"
        self.readout.setText(f"{number} / {count}" if count else "No clip")
        self.readout.setToolTip("" if is_on_show else "What is on show is no frame of this sequence")
        self.setToolTip("" if count else "Choose a pose in the library, or open a depth sequence, to have frames here")

    def _on_marked(self) -> None:
        marked = self._timeline.marked
        self.track.show_marked(marked)
        # a button that came while the mouse drags would move the frames away below it
        self.refit.setVisible(marked is not None and not self.track.is_dragged)
        if marked is not None:
            self.refit.setText(f"Refit {marked[0] + 1} to {marked[-1] + 1}")

    def _on_rate(self, value: int) -> None:
        state = self._document.state
        rates = {**state.view.frame_rates, state.view.workspace: float(value)}
        self._document.follow(replace(state, view=replace(state.view, frame_rates=rates)))
        self._timeline.set_frame_rate(float(value))

    def _on_released(self) -> None:
        """Where the handle was already, while something else was on show."""
        if not self._timeline.is_on_show:
            self._on_scrub(self.slider.value())

    def _on_scrub(self, frame: int) -> None:
        self._timeline.pause()
        self._timeline.seek(frame)
