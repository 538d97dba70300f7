"""The frames that all sides of a comparison have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.sequences.joining import join_frames
from engine.sequences.mesh_sequence import MeshSequence


@dataclass(frozen=True, eq=False)
class CommonFrames:
    """F frames of S sequences, in the order of the first sequence and with its names."""

    names: tuple[str, ...]
    times_s: NDArray[np.float64]
    """(F,) seconds, of the first sequence that knows them; NaN where none does."""
    rows: NDArray[np.int64]
    """(S, F) of each sequence"""
    by: tuple[Literal["name", "time"], ...]
    """How the frames of each sequence were found to be those of the first."""
    left_out: tuple[tuple[str, ...], ...]
    """Frames of each sequence that some other one lacks."""

    def __len__(self) -> int:
        return len(self.names)


def common_frames(sequences: Sequence[MeshSequence]) -> CommonFrames:
    """The frames that all ``sequences`` have: of one name, or of one time stamp where two share no name.

    Raises:
        InputError: there are none.
    """
    first = sequences[0]
    partners: list[dict[int, int]] = [{row: row for row in range(len(first))}]
    by: list[Literal["name", "time"]] = ["name"]
    for other in sequences[1:]:
        joined = join_frames(first, other)
        partners.append(dict(joined.pairs))
        by.append(joined.by)
    kept = [row for row in range(len(first)) if all(row in pairs for pairs in partners)]
    if not kept:
        titles = ", ".join(sequence.title for sequence in sequences)
        raise InputError(titles, "have no frame that all of them have", "compare those that overlap")
    rows = np.array([[pairs[row] for row in kept] for pairs in partners], np.int64)
    times_s = next(
        (times for each, own in zip(sequences, rows, strict=True) if np.isfinite(times := each.times_s[own]).all()),
        np.full(len(kept), np.nan),
    )
    left_out = tuple(
        tuple(name for row, name in enumerate(each.frame_names) if row not in set(own.tolist()))
        for each, own in zip(sequences, rows, strict=True)
    )
    return CommonFrames(tuple(first.frame_names[row] for row in kept), times_s, rows, tuple(by), left_out)
