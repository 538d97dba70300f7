"""`npm-studio prepare`: signed-distance pools of a registered dataset."""

import argparse
import os
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a registered dataset")
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.prepare.sdf_pools import prepare_pools
    from external.datasets import open_dataset

    dataset = open_dataset(options.dataset)
    with ConsoleProgress() as progress:
        written = prepare_pools(dataset, seed=options.seed, workers=os.cpu_count() or 1, progress=progress)
        kept = len(dataset.identities) - written
        progress.message(f"{dataset.root}: pools of {written} identities written, {kept} were there already")
    return {"written": written, "kept": kept}
