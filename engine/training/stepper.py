"""One optimiser step of a training stage, on one device or shared by several, eager or as CUDA graphs."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from engine.core.cuda_graphs import GRAPH_LOCK, capture_stream, capturing
from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.training.draw_ahead import Batch, DrawAhead
from engine.training.row_adam import RowAdam
from engine.training.stage import TrainingStage, rate_factor

_EAGER_STEPS = 3
"""Steps before a CUDA graph is recorded: they compile, and make the state of the optimisers."""


class Stepper:
    """Draws batches of a stage and descends.

    Everything that changes from step to step lies on the device: the shuffled rows, the step number, and a table of
    learning rates and weights. A step therefore is the same kernels each time, and on a GPU two recorded CUDA graphs:
    one up to the gradients and one for the update. Between them, gradients are averaged over the processes, each of
    which takes its part of the rows of the same batch; the code book is the same everywhere.
    """

    def __init__(
        self,
        stage: TrainingStage,
        fabric: Fabric,
        seed: int,
        compile_loss: bool,
        progress: Progress,
        graphs: bool | None = None,
    ) -> None:
        """
        Args:
            compile_loss: compile the loss of stages that are worth it, or run it as it is where that fails.
            graphs: record CUDA graphs; None: where the device and the stage allow it.
        """
        self.stage, self.fabric, self.device = stage, fabric, fabric.device
        self.rows_per_batch = _rows_per_batch(stage, fabric.world_size)
        self.batches_per_epoch = stage.rows // self.rows_per_batch
        rows = self.rows_per_batch // fabric.world_size
        self._mine = slice(fabric.global_rank * rows, (fabric.global_rank + 1) * rows)
        self._loss = _compiled_or_plain(stage.loss, compile_loss and stage.compilable, progress)
        self._progress = progress
        self._graphs: tuple[torch.cuda.CUDAGraph, ...] = ()
        self._graphs_wanted = (self.device.type == "cuda" and stage.capturable) if graphs is None else graphs
        self._eager_until = _EAGER_STEPS
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.steps_done = 0
        self._step = torch.zeros(1, dtype=torch.int64, device=self.device)
        self._order = torch.arange(stage.rows, device=self.device)
        self._settings = _settings_table(stage).to(self.device)

        parameters = [parameter for parameter in stage.network.parameters() if parameter.requires_grad]
        code_size = 0 if stage.codes is None else stage.codes.shape[1]
        sizes = [parameter.numel() for parameter in parameters] + [self.rows_per_batch * code_size, 1]
        self._gradients = torch.zeros(sum(sizes), device=self.device)  # one buffer: one message between processes
        *network_parts, codes_part, self._loss_part = self._gradients.split(sizes)
        for parameter, part in zip(parameters, network_parts, strict=True):
            parameter.grad = part.view_as(parameter)
        self._code_gradients = codes_part.view(self.rows_per_batch, code_size)
        self._rate = torch.zeros((), device=self.device)
        decay = stage.weight_decay
        # AdamW for a stage that decays; a plain Adam otherwise
        self.optimiser = torch.optim.Adam(
            parameters,
            lr=self._rate,
            weight_decay=decay,
            decoupled_weight_decay=decay > 0,
            fused=True,
            capturable=self.device.type == "cuda",
        )
        self.row_adam = None if stage.codes is None else RowAdam(stage.codes)
        self._rows = torch.zeros(self.rows_per_batch, dtype=torch.int64, device=self.device)
        self._names: tuple[str, ...] = ()
        self._sums = torch.zeros(0, device=self.device)
        self._summed = 0
        self._bad_step = torch.full((1,), -1, dtype=torch.int64, device=self.device)
        self._bad_rows = torch.zeros_like(self._rows)
        # a recorded step draws its own batch
        self._ahead = None if stage.capturable else DrawAhead(self._draw, self.generator, self._order)

    def step(self) -> None:
        """One step; does not wait for the device.

        Raises:
            torch.OutOfMemoryError: the batch is too large; nothing has been updated.
        """
        if self._ahead is None:
            self._shuffle(self.steps_done)
        if self._graphs_wanted and not self._graphs and self.steps_done >= self._eager_until:
            self._capture()
        if self._graphs:
            with GRAPH_LOCK:
                self._graphs[0].replay()
            self._average()
            with GRAPH_LOCK:
                self._graphs[1].replay()
        else:
            with _side_stream(self._graphs_wanted):
                self._differentiate()
                self._average()
                self._update()
        self.steps_done += 1
        self._summed += 1
        if self._ahead is not None and self.steps_done < self.stage.schedule.steps:
            self._ahead.begin(self.steps_done)

    def metrics(self) -> dict[str, float]:
        """Means of the metrics since they were last asked for; waits for the device."""
        sums = self._sums / max(1, self._summed)
        if self.fabric.world_size > 1:
            torch.distributed.all_reduce(sums)
            sums /= self.fabric.world_size
        self._summed = 0
        values = dict(zip(self._names, sums.tolist(), strict=True))
        self._sums.zero_()
        return values

    def bad_batch(self) -> tuple[int, list[int]] | None:
        """Step and rows of the first batch whose loss or gradients were not finite, or None; waits for the device."""
        step = int(self._bad_step)
        return None if step < 0 else (step, self._bad_rows.tolist())

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on exactly as this object would have."""
        now = (self.generator.get_state(), self._order) if self._ahead is None else self._ahead.state()
        return {
            "network": self.stage.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "codes": {} if self.row_adam is None else self.row_adam.state_dict(),
            "generator": now[0],
            "dropout": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else torch.get_rng_state(),
            "order": now[1],
            "step": self.steps_done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """
        Raises:
            KeyError, ValueError, RuntimeError: the state is of another stage, configuration or kind of device.
        """
        if len(state["order"]) != self.stage.rows:
            raise ValueError(f"{len(state['order'])} rows, not {self.stage.rows}")
        if self._ahead is not None:
            self._ahead.drop()
        self.stage.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate  # loading has put a copy in its place
        if self.row_adam is not None:
            self.row_adam.load_state_dict(state["codes"])
        self.generator.set_state(state["generator"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["dropout"].cpu(), self.device)
        else:
            torch.set_rng_state(state["dropout"].cpu())
        self._order.copy_(state["order"])
        self.steps_done = int(state["step"])
        self._step.fill_(self.steps_done)
        self._eager_until = self.steps_done + _EAGER_STEPS

    def _differentiate(self) -> None:
        """Draw a batch; leave the gradients and metrics of the rows of this process in their buffers."""
        rows, samples = self._batch(self._step) if self._ahead is None else self._ahead.take(self.steps_done)
        codes = None if self.stage.codes is None else self.stage.codes[rows[self._mine]].requires_grad_()
        self._gradients.zero_()
        loss, metrics = self._loss(codes, self._settings.index_select(0, self._step)[0, 2:], *samples)
        loss.backward()  # type: ignore[no-untyped-call]
        if codes is not None:
            assert codes.grad is not None
            self._code_gradients[self._mine] = codes.grad
        self._loss_part += loss.detach()
        self._rows.copy_(rows)
        if not self._names:
            self._names = tuple(metrics)
            self._sums = torch.zeros(len(metrics), device=self.device)
        self._sums += torch.stack([value.detach().float() for value in metrics.values()])

    def _draw(self, step: int) -> Batch:
        self._shuffle(step)
        return self._batch(step)

    def _batch(self, step: Tensor | int) -> Batch:
        """Rows of all processes in ``step``, (1,) on the device or a number, and the samples of this one's."""
        batch = torch.arange(self.rows_per_batch, device=self.device)
        rows = self._order[step % self.batches_per_epoch * self.rows_per_batch + batch]
        return rows, self.stage.draw(rows, self._mine, self.generator)

    def _shuffle(self, step: int) -> None:
        """Put the rows into a new order at the beginning of an epoch."""
        if step % self.batches_per_epoch == 0:
            self._order.copy_(torch.randperm(self.stage.rows, generator=self.generator, device=self.device))

    def _average(self) -> None:
        """Average the gradients and the loss over the processes.

        Each code is in the rows of one process only, the others add zero: the mean is its part in the mean loss.
        """
        if self.fabric.world_size > 1:
            torch.distributed.all_reduce(self._gradients)  # Fabric's own waits for all processes each time
            self._gradients /= self.fabric.world_size

    def _update(self) -> None:
        # the loss is among them: all processes see the same, and blame the same batch
        bad = ~torch.isfinite(self._gradients.sum()) & (self._bad_step < 0)
        self._bad_step.copy_(torch.where(bad, self._step, self._bad_step))
        self._bad_rows.copy_(torch.where(bad, self._rows, self._bad_rows))
        rates = self._settings.index_select(0, self._step)[0]
        self._rate.copy_(rates[0])
        self.optimiser.step()
        if self.row_adam is not None:
            self.row_adam.update(self._rows, self._code_gradients, rates[1])
        self._step += 1

    def _capture(self) -> None:  # GPU only
        """Capture the two halves of a step as CUDA graphs; without them steps stay as they are."""
        gradients, update = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        stream = capture_stream(self, self.device)
        try:
            gradients.register_generator_state(self.generator)
            # other threads (a viewer, NCCL) may use the device in the meantime
            with capturing():
                with torch.cuda.graph(gradients, stream=stream, capture_error_mode="thread_local"):
                    self._differentiate()
                pool = gradients.pool()
                with torch.cuda.graph(update, pool=pool, stream=stream, capture_error_mode="thread_local"):
                    self._update()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._progress.message(f"no CUDA graphs here ({str(error).splitlines()[0]}); going on without")
            self._graphs_wanted = False
            return
        self._graphs = gradients, update


def _rows_per_batch(stage: TrainingStage, processes: int) -> int:
    """Rows of a batch: no more than there are, and as many for each process."""
    rows = min(stage.rows_per_batch, stage.rows)
    if rows < processes:
        raise InputError(f"train {stage.name}", f"{rows} rows cannot be shared by {processes} processes", "use fewer")
    return rows - rows % processes


def _settings_table(stage: TrainingStage) -> Tensor:
    """(steps, 2 + S): learning rates of network and codes, and the settings of the stage."""
    schedule = stage.schedule
    rows = []
    for step in range(schedule.steps):
        factor = rate_factor(schedule, step)
        rows.append((schedule.network_rate * factor, schedule.codes_rate * factor, *stage.settings(step)))
    return torch.tensor(rows, dtype=torch.float32)


@contextmanager
def _side_stream(wanted: bool) -> Iterator[None]:
    """Work on a stream of its own, as steps must do before a CUDA graph is recorded of them."""
    if not wanted:
        yield
        return
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        yield
    torch.cuda.current_stream().wait_stream(side)


def _compiled_or_plain(function: Callable[..., Any], wanted: bool, progress: Progress) -> Callable[..., Any]:
    """``function`` compiled by PyTorch, or as it is (said once) where compiling fails."""
    if not wanted:
        return function
    compiled = torch.compile(function, dynamic=False)
    chosen: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not chosen:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = compiled(*arguments)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # the compiler fails in many ways, all of which leave the plain function usable
                progress.message(f"compiling is not possible here ({error.__class__.__name__}); going on without")
                chosen.append(function)
                return function(*arguments)
            chosen.append(compiled)
            return result
        return chosen[0](*arguments)

    return call
