"""Registered datasets of moving Anny bodies: `generate_dataset`."""

from collections.abc import Sequence
from pathlib import Path

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.geometry.similarity import Similarity
from external.anny.character import Character, random_numbers
from external.anny.clips import canonical_motion, choose_family, sample_motion
from external.anny.identities import sample_identity
from external.anny.joints import joint_rotations
from external.anny.motions import FAMILIES, TRAINING_FAMILIES
from external.anny.random_motions import RandomMotions
from external.anny.rig import AnnyModel, RestBody, Rig
from external.anny.self_contact import make_probe
from external.anny.writing import Identity, write_dataset

SIMILARITY = Similarity(scale=0.4, centre=(0.0, 0.125, 0.0))
"""World (metres, the root between the hips at the origin) to canonical space, where the root is at (0, -0.05, 0)."""

CATEGORY = "human bodies"


def body_character(rig: Rig, body: RestBody) -> Character:
    """The character of all bodies; ``body`` may be any of them."""
    return Character(
        rig, make_probe(rig, body), SIMILARITY, canonical_motion, joint_rotations, choose_family, sample_motion
    )


def sample_bodies(
    identities: int, seed: int, progress: Progress
) -> tuple[Character, list[RestBody], dict[str, dict[str, float]]]:
    """Random bodies: their character, rest shapes, and phenotypes by `body_name`.

    Raises:
        Cancelled: ``progress`` asked to stop.
    """
    progress.stage("body model", 1)
    model = AnnyModel()
    progress.advance(1)
    progress.stage("bodies", identities)
    bodies, phenotypes = [], {}
    for index in range(identities):
        phenotype, body = sample_identity(model, random_numbers(seed, index))
        bodies.append(body)
        phenotypes[body_name(index)] = {name: round(value, 4) for name, value in phenotype.items()}
        progress.advance(index + 1)
        if progress.cancelled():
            raise Cancelled
    return body_character(model.rig, bodies[0]), bodies, phenotypes


def body_name(index: int) -> str:
    """Name of an identity."""
    return f"anny_{index:03d}"


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
        identities: number of bodies, about a third of them children.
        sequences: clips per identity, each a motion of one of the ``families`` (names of `motions.FAMILIES`).
        frames: frames per clip; they span the whole clip of `clips.CLIP_SECONDS`, however many they are.
        seed: the same seed gives the same bytes, whatever the number of workers.
        workers: processes; one per core by default.

    Raises:
        InputError: a count is not positive, a family is unknown, or ``out`` is something else than a dataset.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    progress = progress or Progress()
    wanted = RandomMotions(identities, sequences, frames, seed, tuple(families))
    wanted.check(out, FAMILIES)
    character, bodies, phenotypes = sample_bodies(identities, seed, progress)
    write_dataset(
        out,
        [character],
        [Identity(body_name(index), 0, body, wanted.sequences_of(index)) for index, body in enumerate(bodies)],
        wanted.described("anny", CATEGORY, phenotypes),
        progress,
        workers,
    )
