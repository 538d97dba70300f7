"""States of an unfinished training on disk: ``NAME.training/<stage>.<last|best|step>.state``.

Each is written to a temporary name and renamed, so a state that exists is whole, whenever the program was killed.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import InputError, Setting, remedy
from engine.core.files import replacing_file

BUILT_ON = {"shape": ("pose", "shape-encoder", "pose-encoder"), "pose": ("pose-encoder",)}
"""Stages that go with the codes of a stage, and with no others."""


def training_folder(model: Path) -> Path:
    """``NAME.training`` beside the model ``NAME.npm``: states, logs and pictures."""
    absolute = Path(os.path.abspath(model))
    return absolute.with_name(f"{absolute.stem}.training")


def state_file(model: Path, stage: str, which: str) -> Path:
    """Where a state is kept; ``which``: last, best or a number of steps."""
    return training_folder(model) / f"{stage}.{which}.state"


def forget_states(model: Path, stages: Iterable[str]) -> list[str]:
    """Remove all states of ``stages``; names of the stages that had any."""
    found = []
    for stage in stages:
        paths = list(training_folder(model).glob(f"{stage}.*.state"))
        for path in paths:
            path.unlink(missing_ok=True)
        found += [stage] if paths else []
    return found


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state of tensors and plain values."""
    with replacing_file(path) as temporary:
        torch.save(dict(state), temporary)


def read_state(path: Path) -> dict[str, Any]:
    """
    Raises:
        InputError: there is no such state, or it is damaged.
    """
    if not path.is_file():
        there = sorted(other.name.split(".")[1] for other in path.parent.glob(f"{path.name.split('.')[0]}.*.state"))
        known = f"there are: {', '.join(there)}" if there else remedy("leave out {}", Setting.RESUME)
        raise InputError(path, "there is nothing to resume", known)
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        assert isinstance(state, dict)
    except Exception as error:  # a damaged file fails in many ways
        fix = remedy("delete it to train this stage from the beginning, or train without {}", Setting.RESUME)
        raise InputError(path, f"is damaged ({error.__class__.__name__})", fix) from None
    return state
