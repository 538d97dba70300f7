"""Registered datasets of moving Anny bodies: `generate_dataset`."""

import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import Cancelled, InputError
from engine.files import replacing_folder
from engine.geometry.similarity import Similarity
from engine.progress import Progress
from external.anny.clips import CLIP_SECONDS, canonical_motion, choose_family, sample_motion
from external.anny.identities import sample_identity
from external.anny.joints import joint_rotations
from external.anny.motions import FAMILIES, TRAINING_FAMILIES
from external.anny.rig import AnnyModel, RestBody, Rig, bone_transforms, skin
from external.anny.self_contact import ContactTest, LimbProbe, make_probe

SIMILARITY = Similarity(scale=0.4, centre=(0.0, 0.125, 0.0))
"""World (metres, the root between the hips at the origin) to canonical space, where the root is at (0, -0.05, 0)."""

LICENCE = "CC0-1.0"
_LARGEST_COORDINATE = 0.495
_AMPLITUDES = (1.0,) * 8 + (0.9, 0.8, 0.7, 0.6)
"""Of the attempts at a clip of one family; what comes out too large or in contact is drawn again."""
_FAMILIES_TRIED = 10


def generate_dataset(
    out: Path,
    identities: int,
    sequences: int,
    frames: int,
    seed: int,
    families: Sequence[str] = tuple(TRAINING_FAMILIES),
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Write a registered dataset (see `engine.dataset.registered`) of random Anny bodies in random motions.

    Args:
        out: folder to make; a dataset that is already there is replaced.
        identities: number of bodies, about a fifth of them children.
        sequences: clips per identity, each a motion of one of the ``families`` (names of `motions.FAMILIES`).
        frames: frames per clip; they span the whole clip of `clips.CLIP_SECONDS`, however many they are.
        seed: the same seed gives the same bytes, whatever the number of workers.
        workers: processes; one per core by default.

    Raises:
        InputError: a count is not positive, a family is unknown, or ``out`` is something else than a dataset.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    progress = progress or Progress()
    _check(out, identities, sequences, frames, seed, families)
    from engine.dataset.registered import write_description

    progress.stage("body model", 1)
    model = AnnyModel()
    progress.advance(1)
    progress.stage("bodies", identities)
    bodies = []
    recipe_bodies = {}
    for index in range(identities):
        phenotype, body = sample_identity(model, _random(seed, index))
        bodies.append(body)
        recipe_bodies[_identity_name(index)] = {name: round(value, 4) for name, value in phenotype.items()}
        progress.advance(index + 1)
        if progress.cancelled():
            raise Cancelled
    rig, probe = model.rig, make_probe(model.rig, bodies[0])

    with replacing_folder(out) as folder:
        np.save(folder / "faces.npy", rig.faces)
        tasks = []
        for index, body in enumerate(bodies):
            identity_folder = folder / _identity_name(index)
            identity_folder.mkdir()
            canonical = skin(rig, body, bone_transforms(rig, body, joint_rotations(rig, body, canonical_motion())))
            np.save(identity_folder / "canonical.npy", SIMILARITY.to_canonical(canonical[0]))
            for number in range(sequences):
                tasks.append(_Clip(body, identity_folder, number, frames, (seed, index, number + 1), tuple(families)))
        progress.stage("sequences", len(tasks))
        names: dict[str, dict[str, int]] = {_identity_name(index): {} for index in range(identities)}
        cores = workers or os.cpu_count() or 1
        with closing(_run(rig, probe, tasks, min(cores, len(tasks)))) as finished:
            for done, (task, name) in enumerate(finished, start=1):
                names[task.folder.name][name] = frames
                progress.advance(done)
                if progress.cancelled():
                    raise Cancelled
        write_description(
            folder,
            name="anny",
            category="human bodies",
            licence=LICENCE,
            similarity=SIMILARITY,
            frame_rate=frames / CLIP_SECONDS,
            frames_per_sequence=names,
            recipe={
                "generator": "anny",
                "identities": identities,
                "sequences": sequences,
                "frames": frames,
                "seed": seed,
                "families": list(families),
                "phenotypes": recipe_bodies,
            },
        )


@dataclass(frozen=True, eq=False)
class _Clip:
    """One sequence to make, wherever that happens."""

    body: RestBody
    folder: Path
    number: int
    frames: int
    seed: tuple[int, int, int]
    families: tuple[str, ...]


def make_clip(
    rig: Rig, probe: LimbProbe, body: RestBody, frames: int, random: np.random.Generator, families: Sequence[str]
) -> tuple[str, NDArray[np.float16]]:
    """Family and canonical vertices (F, V, 3) of a clip without limbs in the body or parts outside the cube."""
    contact = ContactTest(probe, body)
    for _ in range(_FAMILIES_TRIED):
        family = choose_family(random, families)
        for amplitude in _AMPLITUDES:
            motion = sample_motion(random, family, frames, amplitude)
            poses = bone_transforms(rig, body, joint_rotations(rig, body, motion))
            if contact.finds_contact(poses):
                continue
            vertices = SIMILARITY.to_canonical(skin(rig, body, poses)).astype(np.float16)
            if np.abs(vertices).max() <= _LARGEST_COORDINATE:
                return family, vertices
    raise InputError(f"motion families {', '.join(families)}", "gave no clip free of contact", "allow more families")


def _make_and_save(rig: Rig, probe: LimbProbe, clip: _Clip) -> str:
    family, vertices = make_clip(rig, probe, clip.body, clip.frames, _random(*clip.seed), clip.families)
    name = f"{clip.number:02d}_{family}"
    np.save(clip.folder / f"{name}.npy", vertices)
    return name


_worker: tuple[Rig, LimbProbe] | None = None


def _start_worker(rig: Rig, probe: LimbProbe) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets the clips in work end
    _worker = rig, probe


def _work(clip: _Clip) -> str:
    assert _worker is not None
    return _make_and_save(*_worker, clip)


def _run(rig: Rig, probe: LimbProbe, clips: list[_Clip], workers: int) -> Generator[tuple[_Clip, str], None, None]:
    """Clips and the names of their files, in order."""
    if workers <= 1:
        for clip in clips:
            yield clip, _make_and_save(rig, probe, clip)
        return
    context = multiprocessing.get_context("spawn")
    with _one_thread_per_process():
        pool = ProcessPoolExecutor(workers, context, _start_worker, (rig, probe))
        try:
            futures: list[Future[str]] = [pool.submit(_work, clip) for clip in clips]
            for clip, future in zip(clips, futures, strict=True):
                yield clip, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_per_process() -> Iterator[None]:
    """Child processes started in this block compute with one thread each, as there is one of them per core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _random(seed: int, *path: int) -> np.random.Generator:
    """The random numbers of one identity or one of its sequences: no two (seed, path) share a stream."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))


def _identity_name(index: int) -> str:
    return f"anny_{index:03d}"


def _check(out: Path, identities: int, sequences: int, frames: int, seed: int, families: Sequence[str]) -> None:
    for name, value in (("identities", identities), ("sequences", sequences), ("frames", frames)):
        if value < 1:
            raise InputError(f"--{name} {value}", "must be at least 1")
    if seed < 0:
        raise InputError(f"--seed {seed}", "must not be negative")
    unknown = [name for name in families if name not in FAMILIES]
    if unknown or not families:
        raise InputError(f"motion families {unknown}", "do not exist", f"choose from {', '.join(FAMILIES)}")
    if out.exists() and not (out / "dataset.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "exists and is not a dataset", "name another folder or remove it")
