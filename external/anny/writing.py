"""Writing the sequences of many identities as a registered dataset, on all cores."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import Cancelled, Choice, InputError, Setting, remedy
from engine.core.files import replacing_folder
from engine.core.process import one_thread_per_process
from engine.core.progress import Progress
from external.anny.character import LICENCE, Character, VertexSequence
from external.anny.rig import RestBody

PATHS = "paths"
"""Folder of a dataset with one file per identity and sequence that has a `VertexSequence.path`."""

MakeSequence = Callable[[Character, RestBody], VertexSequence]
"""Makes one sequence, in whatever process; an object that can be pickled."""


@dataclass(frozen=True, eq=False)
class Identity:
    """One identity to write: its name, which of the characters it is, its rest shape and its sequences."""

    name: str
    character: int
    body: RestBody
    sequences: Sequence[MakeSequence]


@dataclass(frozen=True)
class Description:
    """What a generated dataset says of itself."""

    name: str
    category: str
    frame_rate: float
    recipe: Mapping[str, Any]
    """How to make it again."""


def write_dataset(
    out: Path,
    characters: Sequence[Character],
    identities: Sequence[Identity],
    description: Description,
    progress: Progress,
    workers: int | None = None,
) -> dict[str, dict[str, int]]:
    """Write a registered dataset (see `engine.dataset.registered`); one that is already at ``out`` is replaced.

    The similarity of all characters must be the same. A sequence without frames is left out; notes go to ``progress``.

    Returns:
        Frames by identity and sequence.

    Raises:
        InputError: all clips came out empty.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    from engine.dataset.registered import write_description

    with replacing_folder(out) as folder:
        shared_faces = characters[identities[0].character].rig.faces
        np.save(folder / "faces.npy", shared_faces)
        tasks = []
        for identity in identities:
            character, own = characters[identity.character], folder / identity.name
            own.mkdir()
            np.save(own / "canonical.npy", character.canonical(identity.body))
            if not np.array_equal(character.rig.faces, shared_faces):
                np.save(own / "faces.npy", character.rig.faces)
            tasks += [_Task(identity.character, identity.body, own, make) for make in identity.sequences]
        progress.stage("sequences", len(tasks))
        frames: dict[str, dict[str, int]] = {identity.name: {} for identity in identities}
        cores = workers or os.cpu_count() or 1
        with closing(_run(characters, tasks, min(cores, len(tasks)))) as finished:
            for done, (task, made) in enumerate(finished, start=1):
                if made.frames:
                    frames[task.folder.name][made.name] = made.frames
                if made.note:
                    progress.message(f"{task.folder.name}: {made.note}")
                progress.advance(done)
                if progress.cancelled():
                    raise Cancelled
        if not any(frames.values()):
            fix = remedy("choose {} anew for bodies of another build, or use other motions", Setting.SEED)
            raise InputError(out, "no clip gave usable frames on these bodies, as the messages say", fix)
        write_description(
            folder,
            name=description.name,
            category=description.category,
            licence=LICENCE,
            similarity=characters[0].similarity,
            frame_rate=description.frame_rate,
            frames_per_sequence=frames,
            recipe=description.recipe,
        )
    return frames


def check_request(out: Path, counts: Mapping[Setting, int], seed: int) -> None:
    """Refuse counts below one, negative seeds, and folders that are no dataset.

    Raises:
        InputError: so it is.
    """
    for setting, value in counts.items():
        if value < 1:
            raise InputError(Choice(setting, str(value)), "must be at least 1")
    if seed < 0:
        raise InputError(Choice(Setting.SEED, str(seed)), "must not be negative")
    if out.exists() and not (out / "dataset.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not a dataset", "name another folder or remove it")


@dataclass(frozen=True, eq=False)
class _Task:
    character: int
    body: RestBody
    folder: Path
    make: MakeSequence


@dataclass(frozen=True)
class _Written:
    name: str
    frames: int
    note: str


def _make_and_save(characters: Sequence[Character], task: _Task) -> _Written:
    clip = task.make(characters[task.character], task.body)
    if len(clip.vertices):
        np.save(task.folder / f"{clip.name}.npy", clip.vertices)
        if clip.path is not None:
            paths = task.folder.parent / PATHS / task.folder.name
            paths.mkdir(parents=True, exist_ok=True)
            np.save(paths / f"{clip.name}.npy", clip.path)
    return _Written(clip.name, len(clip.vertices), clip.note)


_worker: Sequence[Character] = ()


def _start_worker(characters: Sequence[Character]) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets the clips in work end
    _worker = characters


def _work(task: _Task) -> _Written:
    return _make_and_save(_worker, task)


def _run(
    characters: Sequence[Character], tasks: list[_Task], workers: int
) -> Generator[tuple[_Task, _Written], None, None]:
    """Tasks and what came of them, in order."""
    if workers <= 1:
        for task in tasks:
            yield task, _make_and_save(characters, task)
        return
    context = multiprocessing.get_context("spawn")
    with one_thread_per_process():
        pool = ProcessPoolExecutor(workers, context, _start_worker, (characters,))
        try:
            futures: list[Future[_Written]] = [pool.submit(_work, task) for task in tasks]
            for task, future in zip(tasks, futures, strict=True):
                yield task, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
