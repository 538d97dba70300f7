"""Registered datasets of moving Anny hands: `generate_hands`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.geometry.similarity import Similarity
from external.anny.character import Character, random_numbers
from external.anny.hands.joints import canonical_motion, joint_rotations
from external.anny.hands.motions import FAMILIES, TRAINING_FAMILIES, choose_family, sample_motion
from external.anny.identities import HAND_LENGTHS, sample_identity
from external.anny.random_motions import RandomMotions
from external.anny.rig import AnnyModel, Rig
from external.anny.self_contact import Probe
from external.anny.writing import Identity, write_dataset

SIMILARITY = Similarity(scale=3.0, centre=(0.0, 0.09, 0.0))
"""World (metres, the wrist at the origin, fingers up) to canonical space: a hand of 20 cm is 0.6 long."""

CATEGORY = "human hands"
_SIDES: dict[str, tuple[Literal["L", "R"], ...]] = {"right": ("R",), "left": ("L",), "both": ("R", "L")}

# Bones whose points are tested, and the fraction of them that may lie inside: more beside the joints of a finger, where
# it presses into itself when bent.
_TIPS, _MIDDLES = 0.2, 0.4


def hand_character(rig: Rig) -> Character:
    """The character of all hands of one side."""
    strongest = np.array(rig.bone_names)[rig.weights.argmax(axis=1)]
    parts = [
        (np.flatnonzero(np.char.startswith(strongest, f"finger{finger}-{joint}")), tolerance)
        for finger in range(1, 6)
        for joint, tolerance in ((2, _MIDDLES), (3, _TIPS))
    ]
    probe = Probe(rig, np.arange(len(rig.weights)), tuple(parts), clearance_m=0.0025)
    return Character(rig, probe, SIMILARITY, canonical_motion, joint_rotations, choose_family, sample_motion)


def generate_hands(
    out: Path,
    identities: int,
    sequences: int,
    frames: int,
    seed: int,
    side: str = "right",
    families: Sequence[str] = tuple(TRAINING_FAMILIES),
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Write a registered dataset (see `engine.dataset.registered`) of random Anny hands in random motions.

    Args:
        out: folder to make; a dataset that is already there is replaced.
        identities: number of hands, about a third of them of children.
        sequences: clips per identity, each a motion of one of the ``families`` (names of `motions.FAMILIES`).
        frames: frames per clip; they span the whole clip of `clips.CLIP_SECONDS`, however many they are.
        seed: the same seed gives the same bytes, whatever the number of workers.
        side: ``right``, ``left``, or ``both`` by turns; a left hand has faces of its own.
        workers: processes; one per core by default.

    Raises:
        InputError: a count is not positive, a family is unknown, or ``out`` is something else than a dataset.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    progress = progress or Progress()
    wanted = RandomMotions(identities, sequences, frames, seed, tuple(families))
    wanted.check(out, FAMILIES)
    sides = _SIDES[side][:identities]
    progress.stage("hand model", len(sides))
    models = []
    for done, letter in enumerate(sides, start=1):
        models.append(AnnyModel(letter))
        progress.advance(done)
    progress.stage("hands", identities)
    hands, phenotypes = [], {}
    for index in range(identities):
        number = index % len(sides)
        phenotype, hand = sample_identity(models[number], random_numbers(seed, index), HAND_LENGTHS)
        name = f"hand_{sides[number]}_{index:03d}"
        hands.append(Identity(name, number, hand, wanted.sequences_of(index)))
        phenotypes[name] = {key: round(value, 4) for key, value in phenotype.items()}
        progress.advance(index + 1)
        if progress.cancelled():
            raise Cancelled
    write_dataset(
        out,
        [hand_character(model.rig) for model in models],
        hands,
        wanted.described("anny hands", CATEGORY, phenotypes, side=side),
        progress,
        workers,
    )
