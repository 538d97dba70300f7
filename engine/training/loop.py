"""The loop of every training stage: steps, metrics, states on disk, validation, pictures, interruption."""

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from engine.core.cuda_graphs import GRAPH_LOCK
from engine.core.errors import Cancelled, InputError, Notice, Remedy, Setting, remedy
from engine.core.progress import Progress
from engine.dataset.fingerprint import data_difference
from engine.training.config import TrainingConfig
from engine.training.log import TrainingLog
from engine.training.preview import preview_picture, write_png
from engine.training.stage import ModelStage, TrainingStage
from engine.training.start import instead_of_going_on
from engine.training.state import BUILT_ON, forget_states, read_state, state_file, training_folder, write_state
from engine.training.stepper import Stepper

METRICS_EVERY = 100
"""Steps between two looks at the metrics, which wait for the device."""
_POOR_RATIO = 5.0
"""Of a held-out metric to that of training, from where on a finished stage says that it is poor."""
KEEP_SECONDS = 120.0
"""Time between two states on disk, for machines that stop without asking."""
_POLL_TOGETHER = 20
"""Steps between two questions to all processes whether one was asked to stop."""


@dataclass(frozen=True)
class LoopResult:
    """What a finished or interrupted loop tells."""

    steps: int
    """Steps done in all, earlier parts of a resumed run included."""
    seconds: float
    """Time spent in the loop, likewise; validation and pictures excluded."""
    metrics: dict[str, float]
    """The last metrics, by name."""
    validation: dict[str, float]
    """The last metrics on what is held out."""
    interrupted: bool


def optimise(
    stage: TrainingStage,
    config: TrainingConfig,
    fabric: Fabric,
    model: Path,
    seed: int,
    resume: str | None,
    progress: Progress,
    basis: Tensor | None = None,
) -> LoopResult:
    """Run ``stage`` to the end of its schedule, in place.

    States are kept beside ``model``: the last one every few minutes and on interruption, the best one by validation
    (by the training metrics where nothing is held out), and one every `TrainingConfig.keep_every` steps for good. A
    run that goes on from a state ends as one that was never interrupted. Where the user waits for the end, a look at
    what has been learned is broken off, and had when the run goes on.

    Args:
        resume: ``last``, ``best`` or a number of steps: the state to go on from. Without any state the run begins.
        basis: codes (N, C) of an earlier stage that this one goes with; a state that went with others is refused.

    Raises:
        InputError: the state does not fit or is damaged, the loss stopped being finite, memory does not suffice, or
            another training writes beside ``model``.
    """
    return _Loop(stage, config, fabric, model, seed, progress, basis).run(resume)


class _Loop:
    """The parts of `optimise`, which share their state."""

    def __init__(
        self,
        stage: TrainingStage,
        config: TrainingConfig,
        fabric: Fabric,
        model: Path,
        seed: int,
        progress: Progress,
        basis: Tensor | None,
    ) -> None:
        self.stage, self.config, self.fabric, self.model, self.progress = stage, config, fabric, model, progress
        self.seed = seed
        self.rows = _hash(stage.describe(list(range(stage.rows))).encode())
        # rounded: models may be stored in half the size
        self.basis = "" if basis is None else _hash(basis.detach().half().cpu().numpy().tobytes())
        self.batch = min(stage.rows_per_batch, stage.rows)
        self.stepper = self._make_stepper()
        self.clock = _Clock()
        self.best = math.inf
        self.metrics: dict[str, float] = {}
        self.validation: dict[str, float] = {}
        self.is_look_due = False
        """Whether what was learned by this step is still to be looked at, because somebody waited for the end."""

    def run(self, resume: str | None) -> LoopResult:
        total = self.stage.schedule.steps
        resumed = resume is not None and self._resume(resume)
        interrupted = False
        with TrainingLog(training_folder(self.model) if self.fabric.is_global_zero else None, self.stage.name) as log:
            self._forget(resume)
            if not resumed:
                self._keep("last")  # something to go on from, whenever the program is killed
            self.progress.stage(f"train {self.stage.name}", total)
            if self.stepper.steps_done:
                self.progress.resumed(self.stepper.steps_done)
            self.stage.network.train()
            self.clock.start()
            kept = time.perf_counter()
            if self.is_look_due:
                with self.clock.stopped():
                    interrupted = not self._look(log)
            while self.stepper.steps_done < total and not interrupted:
                self._step()
                step, last = self.stepper.steps_done, self.stepper.steps_done == total
                if last or step % METRICS_EVERY == 0:
                    self._read_metrics(log)
                with self.clock.stopped():
                    if last or time.perf_counter() - kept > KEEP_SECONDS:  # before looks that take their time
                        self._keep("last")
                        kept = time.perf_counter()
                    is_looked = self._look(log)
                    if self.config.keep_every and step % self.config.keep_every == 0:
                        self._keep(str(step))
                        self._keep("last")
                        kept = time.perf_counter()
                interrupted = not is_looked or (not last and self._asked_to_stop(step))
            self.clock.stop()
            # also of a finished stage: the model is not on disk yet
            self._keep("last")
        return LoopResult(
            self.stepper.steps_done, self.clock.seconds, dict(self.metrics), dict(self.validation), interrupted
        )

    def _make_stepper(self) -> Stepper:
        compiling = self.config.compile and self.fabric.device.type == "cuda"
        return Stepper(self.stage, self.fabric, self.seed, compiling, self.progress)

    def _step(self) -> None:
        try:
            self.stepper.step()
            return
        except torch.OutOfMemoryError:
            pass  # what the step holds is freed only when the error is gone
        smaller = self.stepper.rows_per_batch // 2
        if self.fabric.world_size > 1 or smaller == 0:
            fix = f"lower batch and points of the {self.stage.name} stage in the preset"
            raise InputError(f"train {self.stage.name}", "the device's memory does not suffice", fix)
        state = self.stepper.state_dict()
        self.stage.rows_per_batch = smaller
        self.stepper = self._make_stepper()
        with GRAPH_LOCK:
            torch.cuda.empty_cache()
        self.stepper.load_state_dict(state)
        self.progress.message(f"out of memory: going on with batches of {smaller} instead of twice as many")
        self._step()

    def _read_metrics(self, log: TrainingLog) -> None:
        """
        Raises:
            InputError: the loss is not finite any more.
        """
        self.metrics = self.stepper.metrics()
        self._check_finite()
        log.metrics(self.stepper.steps_done, self.clock.seconds, self.metrics)
        self.progress.advance(self.stepper.steps_done, self.metrics)

    def _check_finite(self) -> None:
        bad = self.stepper.bad_batch()
        if bad is not None:
            step, rows = bad
            names = self.stage.describe(rows[:4]) + (f" and {len(rows) - 4} more" if len(rows) > 4 else "")
            fix = remedy(
                "check these data, or lower the learning rates; the last good state is kept for {}", Setting.RESUME
            )
            raise InputError(f"train {self.stage.name}", f"the loss is not finite at step {step}, batch {names}", fix)

    def _look(self, log: TrainingLog) -> bool:
        """Look at what has been learned, where this step is one after which that is done; False if it is still due."""
        step = self.stepper.steps_done
        last, previews = step == self.stage.schedule.steps, self.config.preview_every
        self.is_look_due = False
        try:
            if last or step % self.config.validation.every == 0:
                self._validate(log)
            if last or (previews and step % previews == 0):
                self._show(log)
        except Cancelled:
            self.is_look_due = True
        return not self.is_look_due

    def _validate(self, log: TrainingLog) -> None:
        """Metrics on held-out data; a state that is better than all before is kept."""
        self.stage.network.eval()
        with self.progress.may_be_left():
            self.validation = self.stage.validate(self.seed) if self.fabric.is_global_zero else {}
        self.stage.network.train()
        if not self.fabric.is_global_zero:
            return
        if self.validation:
            self._say_validation()
            log.metrics(self.stepper.steps_done, self.clock.seconds, self.validation, "validation")
        monitored = next(iter((self.validation or self.metrics).values()), math.inf)
        if monitored < self.best:
            self.best = monitored
            self._keep("best")

    def _say_validation(self) -> None:
        """The first metric on held-out data, with its ratio to that of training."""
        name, value = next(iter(self.validation.items()))
        text = f"{self.stage.name}, step {self.stepper.steps_done}: held-out {name} {value:.2g}"
        trained = (self.metrics or self.stepper.metrics()).get(name, 0.0)
        if trained > 0:
            text += f", {value / trained:.1f} times that of training"
        poor = trained > 0 and value > _POOR_RATIO * trained and self.stepper.steps_done == self.stage.schedule.steps
        more = Remedy("the model knows its training data far better than others: more identities and motions help most")
        self.progress.notice(Notice(text, more if poor else None))

    def _show(self, log: TrainingLog) -> None:
        """A picture of what has been learned, beside the model, in TensorBoard and to who listens."""
        if not self.fabric.is_global_zero or self.stage.codes is None:  # an encoder changes no surface
            return
        assert isinstance(self.stage, ModelStage)
        self.stage.network.eval()
        with self.progress.may_be_left():
            picture = preview_picture(self.stage.model())
        self.stage.network.train()
        name = f"{self.stage.name}-{self.stepper.steps_done:06d}.png"
        write_png(picture, training_folder(self.model) / "previews" / name)
        log.picture(self.stepper.steps_done, picture)
        self.progress.preview(picture)

    def _asked_to_stop(self, step: int) -> bool:
        if self.fabric.world_size == 1:
            return self.progress.cancelled()
        if step % _POLL_TOGETHER:
            return False
        asked = torch.tensor(float(self.progress.cancelled()), device=self.fabric.device)
        torch.distributed.all_reduce(asked)
        return bool(asked > 0)

    def _forget(self, resume: str | None) -> None:
        """Remove states that do not go with what comes: of an earlier training, and of stages on its codes."""
        if not self.fabric.is_global_zero:
            return
        if resume is None:
            forget_states(self.model, (self.stage.name,))
        if self.stepper.steps_done < self.stage.schedule.steps:
            gone = forget_states(self.model, BUILT_ON.get(self.stage.name, ()))
            if gone:
                which = f"{', '.join(gone)}: states on the {self.stage.name} codes so far"
                self.progress.message(f"{which} are removed, as these codes change now")

    def _keep(self, which: str) -> None:
        """Write the state, unless it is no good."""
        self._check_finite()
        if self.fabric.is_global_zero:
            state = self.stepper.state_dict() | {
                "rows": self.rows,
                "data": self.stage.data,
                "basis": self.basis,
                "batch": self.batch,
                "rows_per_batch": self.stage.rows_per_batch,
                "seconds": self.clock.seconds,
                "best": self.best,
                "figures": self.metrics,
                "validation": self.validation,
                "look_due": self.is_look_due,
            }
            write_state(state_file(self.model, self.stage.name, which), state)

    def _resume(self, which: str) -> bool:
        """Take over a state; False where there is none at all."""
        path = state_file(self.model, self.stage.name, which)
        if which == "last" and not path.exists():
            self.progress.message(f"{path}: there is nothing to resume; starting from the beginning")
            return False
        state = read_state(path)
        if state.get("rows") != self.rows:
            fix = remedy("train without {}, or with its dataset", Setting.RESUME)
            raise InputError(path, "belongs to other identities or frames", fix)
        if difference := data_difference(state.get("data", self.stage.data), self.stage.data):
            raise InputError(path, f"was trained on {difference}", instead_of_going_on(self.model))
        if state.get("basis") != self.basis:
            fix = remedy("train {} without {}, or on the model that it began with", self.stage.name, Setting.RESUME)
            raise InputError(path, "belongs to other codes of the previous stage", fix)
        try:
            if state["batch"] < self.batch:
                fix = remedy("train without {}, or with the batch that it began with", Setting.RESUME)
                raise InputError(path, f"was written with batches of {state['batch']}, not {self.batch}", fix)
            if state["rows_per_batch"] < self.stage.rows_per_batch:  # memory did not suffice for more
                self.stage.rows_per_batch = int(state["rows_per_batch"])
                self.stepper = self._make_stepper()
            self.stepper.load_state_dict(state)
            self.clock.seconds, self.best = float(state["seconds"]), float(state["best"])
            self.metrics, self.validation = dict(state["figures"]), dict(state["validation"])
            self.is_look_due = bool(state.get("look_due", False))
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            problem = f"does not fit this configuration ({error.__class__.__name__})"
            fix = remedy("train without {}, or with the preset that it began with", Setting.RESUME)
            raise InputError(path, problem, fix) from None
        return True


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Clock:
    """Adds up the time between `start` and `stop`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since: float | None = None

    def start(self) -> None:
        self._since = time.perf_counter()

    def stop(self) -> None:
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
        self._since = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        yield
        self.start()
