"""`npm-studio demo`: the main job on what is built in, with a report."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), metavar="DIR", help="folder to write (default: out/demo)"
    )
    add_device(parser)
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from npm_studio.reports.demo import make_demo

    if options.out.exists() and not options.out.is_dir():
        raise InputError(options.out, "is a file, a folder is needed", "choose another --out")
    with ConsoleProgress() as progress:
        results = make_demo(options.out, options.device, options.seed, progress)
        if "report" in results:
            seconds = sum(results["seconds"].values())
            progress.message(f"verdict of the fit: {results['verdict']}: {results['reason']}")
            progress.message(f"IoU {results['iou']:.3f} after {seconds:.0f} s; open {results['report']}")
        else:
            progress.message(f"interrupted; the best fit so far is in {results['run']}")
    return results
