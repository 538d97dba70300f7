"""The thread that makes pictures and measurements of bodies when nothing else is to be done."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from engine.core.errors import Cancelled
from engine.core.streams import begin_with_all_cores, lane_stream
from engine.geometry.mesh import Mesh
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.session.document.explorer import Codes, Explorer
from npm_studio.session.portraits.direction_names import Names, from_json, names_of, to_json
from npm_studio.session.portraits.measuring import (
    Shape,
    frames_to_measure,
    identities_to_measure,
    measure_postures,
    measure_shape,
    measured_shapes,
)
from npm_studio.session.portraits.painting import Frame, Picture, paint
from npm_studio.session.portraits.store import PortraitStore, key_of

RESOLUTION = 96
"""Grid nodes per axis: on coarser ones forearms of a body fall apart."""
_WAIT = 0.05
"""Seconds between two looks at whether there is time."""
_KEEP_EVERY = 20
"""Identities measured between two writings."""
_log = logging.getLogger(__name__)

READ, ON_SHOW, SLIDERS, LISTS, NAMES = range(5)
"""What comes first; reading alone needs no time that others could want."""


@dataclass(order=True)
class _Task:
    rank: tuple[int, int]
    work: Callable[[], bool] = field(compare=False)
    """Whether it is done; else it goes on later."""


@dataclass(frozen=True)
class PortraitListener:
    """Whom the thread tells, on its own thread."""

    picture: Callable[[str, Picture], None]
    """By the key of the codes."""
    names: Callable[[dict[str, Names]], None]
    measured: Callable[[Mesh, Shape], None]


class PortraitWorker:
    """One thread, which works only while ``has_time`` says so, and gives up half-made pictures."""

    def __init__(self, explorer: Explorer, listener: PortraitListener, has_time: Callable[[], bool]) -> None:
        self._explorer, self._model, self._listener = explorer, explorer.model, listener
        self._has_time = has_time
        self._condition = threading.Condition()
        self._tasks: list[_Task] = []
        self._order = itertools.count()
        self._wanted: set[str] = set()
        self._on_show: Mesh | None = None
        self._closed = self._is_at_work = False
        self._frame: Frame | None = None
        self._surface: tuple[bytes, Mesh] | None = None
        self._shapes: list[Shape] = []
        self._stream = lane_stream(self._model.device, "portraits")
        self._thread = threading.Thread(target=self._run, name="portraits", daemon=True)
        self._thread.start()

    def request(self, codes: Codes, kind: int = LISTS) -> None:
        """Picture ``codes``; of those for lists the one that was asked for last comes first, all are told once."""
        key = key_of(codes)
        with self._condition:
            if key in self._wanted:
                return
            self._wanted.add(key)
            order = next(self._order)
            heapq.heappush(self._tasks, _Task((READ, order), lambda: self._read(key, codes, kind)))
            self._condition.notify()

    def request_names(self) -> None:
        """Find out what the directions do."""
        with self._condition:
            heapq.heappush(self._tasks, _Task((READ, next(self._order)), self._read_names))
            self._condition.notify()

    def measure(self, surface: Mesh) -> None:
        """Measure what is on show, metres, in the canonical pose, in place of what was waiting to be measured."""
        with self._condition:
            is_waiting, self._on_show = self._on_show is not None, surface
            if not is_waiting:
                heapq.heappush(self._tasks, _Task((ON_SHOW, 0), self._measure_shown))
            self._condition.notify()

    @property
    def is_done(self) -> bool:
        """Whether all that was asked for has been told."""
        with self._condition:
            return not self._tasks and not self._is_at_work

    def close(self, timeout: float = 10.0) -> bool:
        """Stop, and wait for the thread; False when it did not end in ``timeout`` seconds."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ---- the thread

    def _run(self) -> None:
        begin_with_all_cores()
        self._store = PortraitStore(self._model)
        self._store.tidy()
        while (task := self._take()) is not None:
            try:
                with torch.no_grad(), torch.cuda.stream(self._stream):
                    is_done = task.work()
            except Cancelled:
                is_done = False
            except Exception as error:  # a picture that is missing is no reason to stop anybody
                _log.error("a picture or a measurement could not be made", exc_info=error)
                is_done = True
            with self._condition:
                self._is_at_work = False
                if not is_done:
                    heapq.heappush(self._tasks, task)

    def _take(self) -> _Task | None:
        with self._condition:
            while not self._closed:
                if self._tasks and (self._tasks[0].rank[0] == READ or self._has_time()):
                    self._is_at_work = True
                    return heapq.heappop(self._tasks)
                self._condition.wait(_WAIT if self._tasks else None)
            return None

    def _gives_up(self) -> bool:
        return self._closed or not self._has_time()

    def _read(self, key: str, codes: Codes, kind: int) -> bool:
        """The picture as it is on disk; where it is not, it is made when there is time."""
        picture = self._store.picture(key)
        if picture is not None:
            self._tell(key, picture)
            return True
        with self._condition:
            order = next(self._order)
            rank = (kind, -order if kind == LISTS else order)
            heapq.heappush(self._tasks, _Task(rank, lambda: self._picture(key, codes)))
        return True

    def _picture(self, key: str, codes: Codes) -> bool:
        frame = self._frame_of_all()
        picture = paint(self._mesh(codes), frame)
        self._store.keep_picture(key, picture)
        self._tell(key, picture)
        return True

    def _tell(self, key: str, picture: Picture) -> None:
        self._listener.picture(key, picture)
        with self._condition:
            self._wanted.discard(key)  # whoever has dropped it may ask again

    def _measure_shown(self) -> bool:
        with self._condition:
            surface, self._on_show = self._on_show, None
        if surface is not None:
            self._listener.measured(surface, measure_shape(surface))
        return True

    def _read_names(self) -> bool:
        """The names as they are on disk; where they are not, they are found out when there is time."""
        try:
            known = self._store.values("names")
            names = None if known is None else from_json(known)
        except ValueError:
            names = None
        if names is not None:
            self._listener.names(names)
            return True
        with self._condition:
            heapq.heappush(self._tasks, _Task((NAMES, next(self._order)), self._name_directions))
        return True

    def _name_directions(self) -> bool:
        """One body further, or the names at the end."""
        shapes, identities = self._measured_before(), identities_to_measure(self._model)
        if len(shapes) < len(identities):
            surface = self._contour(Codes(self._model.shape_codes[identities[len(shapes)]].cpu()))
            shapes.append(measure_shape(self._in_metres(surface)))
            if len(shapes) % _KEEP_EVERY == 0:
                self._store.keep_values("shapes", shapes)
            return False
        names = {
            "shape": names_of(
                self._explorer.training_coefficients("shape").numpy()[identities], measured_shapes(shapes)
            )
        }
        if self._model.has_pose:
            rows = frames_to_measure(self._model)
            mean = self._contour(Codes(self._explorer.mean("shape")))
            postures = measure_postures(self._model, mean, rows, lambda: self._closed)
            along = self._explorer.training_coefficients("pose").numpy()[rows]
            names["pose"] = names_of(along, postures)
        self._store.keep_values("names", to_json(names))
        self._listener.names(names)
        return True

    def _measured_before(self) -> list[Shape]:
        if not self._shapes:
            kept = self._store.values("shapes")
            if isinstance(kept, list) and all(isinstance(one, dict) for one in kept):
                self._shapes = kept
        return self._shapes

    def _frame_of_all(self) -> Frame:
        if self._frame is None:
            self._frame = Frame.around(self._contour(Codes(self._explorer.mean("shape"))))
        return self._frame

    def _mesh(self, codes: Codes) -> Mesh:
        surface = self._contour(codes)
        if codes.pose is None or surface.is_empty:
            return surface
        device = self._model.device
        shape, pose = codes.shape.to(device), codes.pose.to(device)
        return Mesh(pose_vertices(self._model, shape, pose, surface.vertices, half=None), surface.faces)

    def _contour(self, codes: Codes) -> Mesh:
        key = codes.shape.numpy().tobytes()
        if self._surface is None or self._surface[0] != key:
            shape = codes.shape.to(self._model.device)
            self._surface = key, extract_surface(self._model, shape, RESOLUTION, cancelled=self._gives_up)
        return self._surface[1]

    def _in_metres(self, surface: Mesh) -> Mesh:
        return Mesh(self._model.info.similarity.to_world(surface.vertices), surface.faces)
