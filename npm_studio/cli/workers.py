"""Options of the commands that share tasks out among processes and machines."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npm_studio.batch.workers import Workers


def add_workers(
    parser: argparse.ArgumentParser, when: str = "", usual: str = "one for each GPU, or else for each core"
) -> None:
    """
    Args:
        when: they apply, where that is not always
        usual: processes of this machine, where nothing is stated
    """
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"{when}of a Dask scheduler, tcp://HOST:8786, whose workers do it (default: processes of this machine)",
    )
    parser.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help=f"{when}processes of this machine (default: {usual}); 0: this one alone, without Dask",
    )


def stated_workers(options: argparse.Namespace) -> "Workers":
    """Who does the tasks.

    Raises:
        InputError: processes of this machine and those of a scheduler are stated.
    """
    from engine.core.errors import InputError
    from npm_studio.batch.workers import Workers

    if options.scheduler is not None and options.workers is not None:
        problem = "does not apply to the workers of a scheduler"
        raise InputError(f"--workers {options.workers}", problem, "leave it out, or leave out --scheduler")
    return Workers(options.scheduler, options.workers)


def check_folder(out: Path) -> None:
    """
    Raises:
        InputError: what should be a folder of results is a file.
    """
    from engine.core.errors import InputError

    if out.exists() and not out.is_dir():
        raise InputError(out, "is a file, a folder is needed", "choose another name")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1024")
    return int(text)
