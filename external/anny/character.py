"""A character: a rig together with the joints and motions that are its own, as bodies and hands have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity
from external.anny.joints import Motion
from external.anny.rig import Array, RestBody, Rig, bone_transforms, skin
from external.anny.self_contact import ContactTest, Probe

LICENCE = "CC0-1.0"
LARGEST_COORDINATE = 0.495
_AMPLITUDES = (1.0,) * 8 + (0.9, 0.8, 0.7, 0.6)
"""Of the attempts at a clip of one family; what comes out too large or in contact is drawn again."""
_FAMILIES_TRIED = 10


@dataclass(frozen=True, eq=False)
class Character:
    """What all identities of one kind share. Its functions are module-level ones, which other processes can import."""

    rig: Rig
    probe: Probe
    similarity: Similarity
    """World (metres, the root at the origin) to canonical space."""
    canonical_motion: Callable[[], Motion]
    """One frame, in which no parts touch."""
    joint_rotations: Callable[[Rig, RestBody, Motion], Array]
    """Joint rotations (F, B, 3, 3) of a motion."""
    choose_family: Callable[[np.random.Generator, Sequence[str]], str]
    sample_motion: Callable[[np.random.Generator, str, int, float], Motion]
    """A random clip of a family with a number of frames and an amplitude."""

    def poses(self, body: RestBody, motion: Motion) -> Array:
        """World poses (F, B, 4, 4) of the bones."""
        return bone_transforms(self.rig, body, self.joint_rotations(self.rig, body, motion))

    def contact_test(self, body: RestBody) -> ContactTest:
        return ContactTest(self.probe, body, self.poses(body, self.canonical_motion()))

    def vertices(self, body: RestBody, poses: Array) -> NDArray[np.float32]:
        """Canonical vertices (F, V, 3) for bone ``poses`` (F, B, 4, 4)."""
        return self.similarity.to_canonical(skin(self.rig, body, poses))

    def canonical(self, body: RestBody) -> NDArray[np.float32]:
        """Vertices (V, 3) of the canonical mesh."""
        return self.vertices(body, self.poses(body, self.canonical_motion()))[0]


@dataclass(frozen=True, eq=False)
class VertexSequence:
    """One sequence of one identity: canonical vertices (F, V, 3), what the user should know, and where it went."""

    name: str
    vertices: NDArray[np.float16]
    note: str = ""
    path: Array | None = None
    """Rigid transforms (F, 4, 4) from the body, metres with the root at the origin, to the world, where asked for."""


@dataclass(frozen=True)
class RandomSequence:
    """Makes a clip of a random family: no part in another one, all inside the cube."""

    number: int
    frames: int
    seed: tuple[int, ...]
    families: tuple[str, ...]

    def __call__(self, character: Character, body: RestBody) -> VertexSequence:
        random, contact = random_numbers(*self.seed), character.contact_test(body)
        for _ in range(_FAMILIES_TRIED):
            family = character.choose_family(random, self.families)
            for amplitude in _AMPLITUDES:
                poses = character.poses(body, character.sample_motion(random, family, self.frames, amplitude))
                if contact.finds_contact(poses):
                    continue
                vertices = character.vertices(body, poses).astype(np.float16)
                if np.abs(vertices).max() <= LARGEST_COORDINATE:
                    return VertexSequence(f"{self.number:02d}_{family}", vertices)
        names = ", ".join(self.families)
        raise InputError(f"motion families {names}", "gave no clip free of contact", "allow more families")


def random_numbers(seed: int, *path: int) -> np.random.Generator:
    """The random numbers of one identity or one of its sequences: no two (seed, path) share a stream."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
