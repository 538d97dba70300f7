"""The optimisation loop of every training stage."""

import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.files import replacing_file
from engine.progress import Progress
from engine.training.config import Schedule

StepFunction = Callable[[torch.Generator, int], tuple[Tensor, dict[str, Tensor]]]
"""Draws a batch and returns (loss, figures); called with the random generator and the step number."""


KEEP_SECONDS = 300.0
"""Time between two states on disk, for machines that stop without asking."""


@dataclass(frozen=True)
class LoopResult:
    """What a finished or interrupted loop tells."""

    steps: int
    """Steps done in all, earlier parts of a resumed run included."""
    seconds: float
    """Time spent stepping, likewise."""
    figures: dict[str, float]
    """The last figures, by name."""
    interrupted: bool


def rate_factor(schedule: Schedule, step: int) -> float:
    """Factor on the learning rates at ``step``."""
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    if schedule.decay == "halving":
        return 0.5 ** (step // schedule.halving_interval) if schedule.halving_interval else 1.0
    share = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def optimise(
    step_function: StepFunction,
    decoder: nn.Module,
    codes: nn.Parameter,
    schedule: Schedule,
    state_file: Path,
    seed: int,
    resume: bool,
    progress: Progress,
    stage: str,
) -> LoopResult:
    """Run ``schedule.steps`` steps of Adam on ``decoder`` and ``codes`` (N, C), in place.

    The state is kept in ``state_file`` every few minutes and on interruption; with ``resume`` it goes on from there.
    One line of figures per hundred steps is added to ``log.jsonl`` beside it.

    Raises:
        InputError: ``resume`` without a usable state, or the loss stopped being finite.
    """
    device = codes.device
    optimiser = torch.optim.Adam(
        [
            {"params": list(decoder.parameters()), "lr": schedule.network_rate},
            {"params": [codes], "lr": schedule.codes_rate},
        ],
        fused=device.type == "cuda",
    )
    rates = [group["lr"] for group in optimiser.param_groups]
    generator = torch.Generator(device).manual_seed(seed)
    first, earlier_seconds = 0, 0.0
    if resume:
        state = _read_state(state_file)
        try:
            decoder.load_state_dict(state["decoder"])
            with torch.no_grad():
                codes.copy_(state["codes"])
            optimiser.load_state_dict(state["optimiser"])
            generator.set_state(state["generator"].cpu())
            first, earlier_seconds = int(state["step"]), float(state["seconds"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise InputError(state_file, f"does not fit this configuration ({error.__class__.__name__})") from None

    progress.stage(stage, schedule.steps)
    started = time.perf_counter()
    figures: dict[str, float] = {}
    step, interrupted = first, False
    state_file.parent.mkdir(parents=True, exist_ok=True)

    def keep() -> None:
        _write_state(
            state_file,
            {
                "decoder": decoder.state_dict(),
                "codes": codes.detach(),
                "optimiser": optimiser.state_dict(),
                "generator": generator.get_state(),
                "step": step,
                "seconds": earlier_seconds + time.perf_counter() - started,
            },
        )

    kept = started
    with (state_file.parent / "log.jsonl").open("a", encoding="utf-8") as log:
        while step < schedule.steps:
            factor = rate_factor(schedule, step)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            optimiser.zero_grad(set_to_none=True)
            loss, tensors = step_function(generator, step)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            step += 1
            if step % 100 == 0 or step == schedule.steps:  # reading figures waits for the device
                figures = {name: float(value) for name, value in tensors.items()}
                if not all(math.isfinite(value) for value in figures.values()):
                    raise InputError(f"training {stage}", f"diverged at step {step}", "lower the learning rates")
                seconds = earlier_seconds + time.perf_counter() - started
                log.write(json.dumps({"stage": stage, "step": step, "seconds": round(seconds, 2), **figures}) + "\n")
                progress.advance(step, figures)
            if progress.cancelled():
                interrupted = True
                break
            if time.perf_counter() - kept > KEEP_SECONDS:
                keep()
                kept = time.perf_counter()
    seconds = earlier_seconds + time.perf_counter() - started
    if interrupted:
        keep()
    else:
        state_file.unlink(missing_ok=True)
    return LoopResult(step, seconds, figures, interrupted)


def compiled_or_plain(function: Callable[..., Any], wanted: bool, progress: Progress) -> Callable[..., Any]:
    """``function`` compiled by PyTorch, or as it is (said once) where compiling fails."""
    if not wanted:
        return function
    compiled = torch.compile(function)
    chosen: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not chosen:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = compiled(*arguments)
            except Exception as error:  # the compiler fails in many ways, all of which leave the plain function usable
                progress.message(f"compiling is not possible here ({error.__class__.__name__}); going on without")
                chosen.append(function)
                return function(*arguments)
            chosen.append(compiled)
            return result
        return chosen[0](*arguments)

    return call


def _write_state(path: Path, state: dict[str, Any]) -> None:
    with replacing_file(path) as temporary:
        torch.save(state, temporary)


def _read_state(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(path, "there is nothing to resume", "leave out --resume")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        assert isinstance(state, dict)
    except Exception as error:  # a damaged file fails in many ways
        raise InputError(path, f"is damaged ({error.__class__.__name__})", "train without --resume") from None
    return state
