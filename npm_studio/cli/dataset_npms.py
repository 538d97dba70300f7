"""`npm-studio dataset npms`: processed folders of the published NPM code, read in place."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of one processed dataset, or of several")
    parser.add_argument("out", type=Path, metavar="OUT", help="small folder to write; train, prepare, ... take it")
    parser.add_argument(
        "--split", metavar="NAME|DIR", help="labels to use: a folder, or its name in ZSPLITS_* (default: all frames)"
    )
    parser.add_argument(
        "--dataset", nargs="+", default=[], metavar="NAME", help="take only these datasets of ROOT (default: all)"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.npms.view import write_view

    with ConsoleProgress() as progress:
        summary = write_view(options.root, options.out, options.split, options.dataset, progress)
        progress.message(
            f"{options.out}: {summary.identities} identities, {summary.frames} frames of {', '.join(summary.datasets)}"
            + (f"; {summary.without_meshes} identities have samples alone" if summary.without_meshes else "")
        )
    return {
        "dataset": str(options.out),
        "sources": list(summary.datasets),
        "identities": summary.identities,
        "frames": summary.frames,
        "without_meshes": summary.without_meshes,
    }
