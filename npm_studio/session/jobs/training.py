"""Trainings as jobs: each in a process of its own, by the commands `prepare` and `train`."""

import re
import shlex
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Literal

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.dataset.pools import pools_are_stale, pools_folder
from engine.dataset.registered import RegisteredDataset
from engine.training.state import training_folder
from external.datasets import open_dataset
from npm_studio.session.jobs.own_process import run_command

_EXAMPLE = ("--identities", "4", "--sequences", "2", "--frames", "12", "--seed", "3")
Begin = Literal["anew", "on"]
"""From nothing, or from the state that an earlier training has left."""


@dataclass(frozen=True)
class TrainingChoice:
    """What is trained, how, and where to."""

    data: Path
    preset: str
    """Its name or its file."""
    out: Path
    """``NAME.npm``"""
    device: str = "auto"
    validation: Path | None = None
    """A dataset of what is held out."""


@dataclass(frozen=True)
class TrainingEnd:
    """How a training came to its end."""

    choice: TrainingChoice
    is_finished: bool
    """Else it was stopped, and can go on."""


def train_arguments(choice: TrainingChoice, begin: Begin) -> list[str]:
    """Of the command line: what `npm-studio` is called with."""
    words = ["train", "all", "--config", choice.preset, "--data", str(choice.data), "--out", str(choice.out)]
    words += ["--device", choice.device]
    words += [] if choice.validation is None else ["--validation", str(choice.validation)]
    return [*words, "--resume" if begin == "on" else "--restart"]


def train_command(choice: TrainingChoice, begin: Begin) -> str:
    """The command line that trains the same, for a shell."""
    return shlex.join(["npm-studio", *train_arguments(choice, begin)])


def train(choice: TrainingChoice, begin: Begin, progress: Progress) -> TrainingEnd:
    """Sample what has not been sampled yet, and train all stages.

    Raises:
        InputError: the data, the preset or the place cannot be used, or training diverged.
        Cancelled: asked to stop before there was anything to go on from.
    """
    if not is_prepared(open_dataset(choice.data)):
        run_command(["prepare", str(choice.data)], choice.data, progress, yields=True)
    try:
        run_command(train_arguments(choice, begin), choice.out, progress, yields=True)
    except Cancelled:
        if not can_go_on(choice.out):
            raise
        return TrainingEnd(choice, is_finished=False)
    return TrainingEnd(choice, is_finished=True)


def make_example(folder: Path, progress: Progress) -> Path:
    """Generate a few bodies in ``folder``, enough to try a training with; returns it.

    Raises:
        InputError: it cannot be written there.
        Cancelled: asked to stop.
    """
    run_command(["dataset", "anny", str(folder), *_EXAMPLE], folder, progress, yields=True)
    return folder


def is_prepared(dataset: RegisteredDataset) -> bool:
    """Whether there are signed distances of all canonical meshes as they are now."""
    return all(
        not pools_are_stale(dataset, identity)
        if pools_folder(dataset, identity).is_dir()
        else stored.store.pools(stored.name) is not None
        for identity, stored in enumerate(dataset.stored)
    )


def can_go_on(out: Path) -> bool:
    """Whether there is a state of a training to go on from."""
    return any(training_folder(out).glob("*.last.state"))


def has_earlier(out: Path) -> bool:
    """Whether beginning anew would give up an earlier training or a model."""
    return can_go_on(out) or (out / "model.json").is_file()


def newest_preview(out: Path) -> Path | None:
    """The last picture of what has been learned."""
    pictures = list((training_folder(out) / "previews").glob("*.png"))
    return max(pictures, key=lambda path: path.stat().st_mtime, default=None)


def suggested_out(data: Path, preset: str) -> Path:
    """A model folder beside the dataset, named after both, where there is nothing yet."""
    name = re.sub(r"[^\w.-]+", "-", f"{data.name}-{Path(preset).stem}")
    candidates = (data.parent / f"{name}{number}.npm" for number in chain([""], (f"-{n}" for n in count(2))))
    return next(path for path in candidates if not has_earlier(path) and not path.exists())
