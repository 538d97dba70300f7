"""The document and the background threads, as the parts of the window see them."""

from contextlib import suppress

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.autosave import Autosave
from npm_studio.session.document.document import Document
from npm_studio.session.document.explorer import Codes
from npm_studio.session.document.fitted_bodies import FittedBodies
from npm_studio.session.live.field import SliceReply, SliceRequest, SliceWorker
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.request import MeshReply, Quality
from npm_studio.session.live.worker import LiveWorker, Newest
from npm_studio.session.portraits.worker import PortraitWorker
from npm_studio.views.job_board import job_board
from npm_studio.views.portraits import Portraits

SECONDS_TO_END = 60.0
"""A cancelled fit still writes its best result; it gets this long when the window is closed."""
REST_MS = 400
"""After the last mesh, from which on there is time for pictures of bodies."""
FLUSH_MS = 1000
"""After which the automatic copy of a document also has what was no step."""


class Session(QObject):
    """Shared by all panels. Only this object starts and stops threads."""

    meshes_ready = pyqtSignal(object)
    """A `npm_studio.session.live.request.MeshReply` that is newer than the last."""
    slice_ready = pyqtSignal(object)
    """A `npm_studio.session.live.field.SliceReply`."""
    failed = pyqtSignal(object, str)
    """An exception that the user should see, and its traceback if there is one."""
    message = pyqtSignal(str)
    """A line for the status bar."""
    state_changed = pyqtSignal()
    """What commands are enabled by may have changed, apart from the document."""
    capture_wanted = pyqtSignal(object, object)
    """An observation, and how the user wants it opened: a `engine.sequences.capture_options.CaptureOptions`."""
    sheet_wanted = pyqtSignal(object)
    """The path of a recording that the user is to be asked about before it is opened, or opened in another way."""
    open_wanted = pyqtSignal(object)
    """The path of something that is to be opened."""
    run_wanted = pyqtSignal(object, object)
    """The folder of a run that is to be opened: None to have it on show over its recording, or what to call with it,
    for those who can do without that."""

    _replied = pyqtSignal(object, object)
    _sliced = pyqtSignal(object, object)
    _live_failed = pyqtSignal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = Document()
        self.fitted = FittedBodies(self.document)
        self.commands = Commands()
        self.autosave = Autosave(self.document, lambda error: self.failed.emit(error, ""))
        self._flush = QTimer(self)
        self._flush.setInterval(FLUSH_MS)
        self._flush.timeout.connect(self.autosave.flush)
        self._flush.start()
        self.jobs = job_board(self)
        self.portraits = Portraits(self)
        self._live: LiveWorker | None = None
        self._newest = Newest()
        self._posted = 0
        self._is_fine = True
        """Whether the last request has been answered as well as it can be."""
        self._slices: SliceWorker | None = None
        self._retired: list[LiveWorker | SliceWorker | PortraitWorker] = []
        """Of earlier models, told to end."""
        self._replied.connect(self._on_reply)
        self._sliced.connect(self._on_slice)
        self._live_failed.connect(self._on_failure)
        self.document.model_changed.connect(self._restart_live)
        self.document.timeline.state_changed.connect(self._allow_portraits)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._allow_portraits)
        self._rest.timeout.connect(self._forget_ended)

    @property
    def is_fitting(self) -> bool:
        return self.jobs.is_busy("fit")

    @property
    def latest_generation(self) -> int:
        """Of the last request for meshes."""
        return self._posted

    def request(self, codes: tuple[Codes, ...], settled: bool = False, ahead: tuple[Codes, ...] = ()) -> None:
        """Ask the live thread for meshes; they come with `meshes_ready`. ``ahead`` will be asked for next."""
        if self._live is not None:
            self._posted = self._live.post(codes, settled, ahead)
            self.portraits.is_allowed, self._is_fine = False, False
            self._rest.start()

    def request_slice(self, request: SliceRequest) -> None:
        """Ask for a plane through the field of the model; it comes with `slice_ready`, first rough, then fine."""
        model = self.document.model
        if model is not None and self._slices is None:
            worker: SliceWorker
            worker = SliceWorker(
                model,
                on_reply=lambda reply: self._deliver("_sliced", worker, reply),
                on_error=lambda error: self._deliver("_live_failed", worker, error),
            )
            self._slices = worker
        if self._slices is not None:
            self._slices.post(request)

    def settle(self) -> None:
        """The slider was let go: make the fine mesh now."""
        if self._live is not None:
            self._live.settle()

    def ignore_pending_meshes(self) -> None:
        """What was asked for so far is no longer wanted."""
        self._is_fine = True
        self._rest.start()
        self._newest.forget_before(self._posted + 1)

    def shut_down(self) -> bool:
        """Stop all threads; False when one did not end in time."""
        self._flush.stop()
        self._retire_live()
        ended = [worker.close() for worker in self._retired]
        return self.jobs.shut_down(SECONDS_TO_END) and all(ended)

    def _deliver(self, name: str, worker: LiveWorker | SliceWorker, what: object) -> None:
        """Emit the signal ``name`` from a thread of ``worker``.

        Whoever deletes the window without closing it leaves nobody to tell.
        """
        with suppress(RuntimeError):
            getattr(self, name).emit(worker, what)

    def _restart_live(self) -> None:
        self._retire_live()
        model = self.document.model
        if model is None:
            return
        worker: LiveWorker
        worker = LiveWorker(
            Mesher(model),
            on_reply=lambda reply: self._deliver("_replied", worker, reply),
            on_error=lambda error: self._deliver("_live_failed", worker, error),
        )
        self._live, self._newest, self._posted = worker, Newest(), 0
        self.portraits.open(self.document.explorer)
        self._is_fine = True
        self._rest.start()

    def _retire_live(self) -> None:
        """Tell the threads to end, and wait for none: one may be in the middle of a surface."""
        workers = self._live, self._slices, self.portraits.open(None)
        self._live = self._slices = None
        self._retired += [worker for worker in workers if worker is not None]
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Let go of the threads that have ended, which hold earlier models."""
        self._retired = [worker for worker in self._retired if not worker.close(timeout=0)]

    def _allow_portraits(self) -> None:
        """Pictures of bodies are made while nobody waits for a mesh."""
        self.portraits.is_allowed = self._is_fine and not self._rest.isActive() and not self.document.timeline.playing

    def _on_failure(self, worker: LiveWorker | SliceWorker, error: Exception) -> None:
        if worker in (self._live, self._slices):
            self.failed.emit(error, "")

    def _on_slice(self, worker: SliceWorker, reply: SliceReply) -> None:
        if worker is self._slices:
            self.slice_ready.emit(reply)

    def _on_reply(self, worker: LiveWorker, reply: MeshReply) -> None:
        if worker is not self._live:
            return
        if reply.notice:
            self.message.emit(reply.notice)
        if self._newest.accepts(reply):
            self._is_fine = reply.generation == self._posted and reply.quality is Quality.FINE
            self.meshes_ready.emit(reply)
            self._rest.start()
