"""What is asked of a generator of identities in random motions, and how it is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Setting
from external.anny.character import RandomSequence
from external.anny.clips import CLIP_SECONDS
from external.anny.writing import Description, check_request


@dataclass(frozen=True)
class RandomMotions:
    """How many identities, how many sequences of each, how many frames of each, and by which random numbers."""

    identities: int
    sequences: int
    frames: int
    seed: int
    families: tuple[str, ...]
    """Names of the motion families to choose from."""

    def check(self, out: Path, known: Mapping[str, Any]) -> None:
        """Refuse what makes no sense; ``known`` are all families.

        Raises:
            InputError: a count is not positive, a family is unknown, or ``out`` is something else than a dataset.
        """
        counts = {
            Setting.IDENTITIES: self.identities,
            Setting.SEQUENCES: self.sequences,
            Setting.FRAMES: self.frames,
        }
        check_request(out, counts, self.seed)
        check_families(self.families, known)

    def sequences_of(self, index: int) -> Sequence[RandomSequence]:
        """Those of the identity ``index``."""
        return [
            RandomSequence(number, self.frames, (self.seed, index, number + 1), self.families)
            for number in range(self.sequences)
        ]

    def described(self, generator: str, category: str, phenotypes: Mapping[str, Any], **more: Any) -> Description:
        """The dataset that was made; ``more`` is what this ``generator`` was asked besides."""
        recipe = {
            "generator": generator,
            "identities": self.identities,
            "sequences": self.sequences,
            "frames": self.frames,
            "seed": self.seed,
            **more,
            "families": list(self.families),
            "phenotypes": phenotypes,
        }
        return Description(f"{generator.replace(' ', '-')}-{self.seed}", category, self.frames / CLIP_SECONDS, recipe)


def check_families(families: Sequence[str], known: Mapping[str, Any]) -> None:
    """Refuse motion families that do not exist.

    Raises:
        InputError: so it is; names those that do.
    """
    unknown = [name for name in families if name not in known]
    if unknown or not families:
        raise InputError(f"motion families {unknown}", "do not exist", f"choose from {', '.join(known)}")
