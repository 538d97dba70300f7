"""Whether a worker can do the tasks of a batch: the same program, and the same folder."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import InputError
from npm_studio.batch.record import FOLDER

if TYPE_CHECKING:
    from distributed import Client

PACKAGE = "npm-studio"


@dataclass(frozen=True)
class BatchStart:
    """What the tasks of one start have in common."""

    folder: Path
    """Where records are kept; absolute."""
    mark: Path
    """A file in it, by which a worker knows that it sees the same folder."""
    version: str
    """Of this program."""

    @property
    def topic(self) -> str:
        """Of the events by which workers tell what they begin."""
        return self.mark.name


@contextmanager
def marked(folder: Path) -> Iterator[BatchStart]:
    """A start of a batch in ``folder``, whose mark goes with the block."""
    mark = folder / FOLDER / f"start-{secrets.token_hex(8)}"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield BatchStart(folder, mark, version(PACKAGE))
    finally:
        mark.unlink(missing_ok=True)


def why_unfit(batch: BatchStart) -> str:
    """Why this process can do nothing for ``batch``; empty where it can."""
    return _in_words(version(PACKAGE), batch.mark.exists(), batch)


def refuse_unfit(client: "Client", batch: BatchStart) -> None:
    """Refuse to begin with workers of which one cannot do the tasks; they need not have this program to be asked.

    Raises:
        InputError: so it is; the line names the first of them and why.
    """
    versions = client.run(version, PACKAGE, on_error="return")
    sees = client.run(os.path.exists, str(batch.mark), on_error="return")
    for worker, facts in client.scheduler_info(n_workers=-1)["workers"].items():
        name = f"worker {worker} ({facts['host']})"
        if isinstance(versions.get(worker), PackageNotFoundError):
            raise InputError(name, "has no npm-studio", "start it from an environment where npm-studio is installed")
        if worker in versions and (why := _in_words(str(versions[worker]), sees.get(worker) is True, batch)):
            raise InputError(name, why, "start it where the batch can be done, or end it")
        if facts["nthreads"] > 1:
            problem = f"takes {facts['nthreads']} tasks at once, which get in each other's way"
            raise InputError(name, problem, "start it with `--nthreads 1`, and more of them with `--nworkers N`")


def _in_words(installed: str, sees_folder: bool, batch: BatchStart) -> str:
    if installed != batch.version:
        return f"has npm-studio {installed}, not {batch.version}"
    return "" if sees_folder else f"does not see the folder {batch.folder}"
