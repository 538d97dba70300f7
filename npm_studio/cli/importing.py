"""What the commands share that turn foreign meshes into a registered dataset."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.dataset.importing import RawDataset
    from engine.geometry.similarity import Similarity


def add_import_options(parser: argparse.ArgumentParser, normalise: str = "bounds") -> None:
    """Options of every import; ``normalise`` is the default of ``--normalise``."""
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="dataset folder to write; an interrupted one is completed"
    )
    parser.add_argument(
        "--normalise",
        default=normalise,
        metavar="HOW",
        help="bounds (of the dataset), subject (each by its own), cape, mano, anny, none, or SCALE,X,Y,Z "
        f"(default: {normalise})",
    )
    add_json(parser)


def run_import(
    raw: RawDataset,
    options: argparse.Namespace,
    progress: ConsoleProgress,
    known: Mapping[str, Similarity] | None = None,
) -> dict[str, Any]:
    """Import ``raw`` into ``options.out``; returns the results of the command.

    ``known`` similarities of the identities are used instead of those that ``--normalise`` would find.
    """
    from engine.dataset.importing import import_dataset
    from engine.dataset.normalisation import parse_normalisation

    summary = import_dataset(raw, options.out, parse_normalisation(options.normalise), progress, known)
    progress.message(
        f"{options.out}: {summary.identities} identities, {summary.sequences} sequences, {summary.frames} frames"
        + (f" ({summary.kept} sequences were there already)" if summary.kept else "")
    )
    return {
        "dataset": str(options.out),
        "identities": summary.identities,
        "sequences": summary.sequences,
        "frames": summary.frames,
        "kept": summary.kept,
        "largest_coordinate": round(summary.largest_coordinate, 4),
    }
