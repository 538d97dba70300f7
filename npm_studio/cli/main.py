"""The `npm-studio` command: finds the module of a command and turns its outcome into an exit code.

Only the module of the command that was asked for is imported, and such a module imports the engine inside its
``run``, so that help answers at once.
"""

import argparse
import importlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from npm_studio.cli.parser import Parser

COMMANDS: dict[str, str] = {
    "gui": "open the application",
    "demo": "fit the built-in model to the built-in depth sequence and write a report",
    "dataset": "make, import, render and check datasets",
    "split": "labels: make, merge, subsample, hold out",
    "prepare": "repair canonical meshes and sample signed distances around them",
    "train": "train a model: shape, pose and encoders",
    "card": "write a model's card: curves, quality, pictures",
    "import-checkpoint": "a model from checkpoints of the published NPM code",
    "export-checkpoint": "a model as a checkpoint of the published NPM code",
    "reconstruct": "meshes from codes",
    "sample": "meshes of codes drawn from the learned distributions",
    "interpolate": "in-betweens of identities or poses",
    "transfer": "poses of one identity, or a fitted sequence, on others",
    "capture": "look at a depth recording, isolate its subject, convert it",
    "fit": "fit a model to a depth sequence",
    "batch": "many fits, by the processes of one machine or of a cluster",
    "track": "follow a subject frame by frame, as a camera or a recording shows it",
    "evaluate": "metrics of a run against ground truth",
    "compare": "runs beside each other: a page with table, curves, error maps, video and 3-D, and tables",
    "benchmark": "methods on the cases of a suite with truth, in one table",
    "render": "pictures and videos of a run, without a display",
    "export": "a run or a model as files of other programs",
    "doctor": "versions, devices, graphics, and what is missing",
}
"""Name of each command and its one-line help; module ``npm_studio.cli.<name>`` (``-`` as ``_``) implements it."""
_log = logging.getLogger(__name__)


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser, with the arguments of ``command`` only (others show their help line)."""
    parser = Parser(
        prog="npm-studio",
        description="Learn, explore and fit neural parametric models. Without a command the application opens.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        description = summary[0].upper() + summary[1:] + "."
        child = commands.add_parser(name, help=summary, description=description, allow_abbrev=False)
        if name == command:
            module = importlib.import_module(f"npm_studio.cli.{name.replace('-', '_')}")
            module.configure(child)
            child.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 success, 2 bad input, 130 interrupted."""
    from engine.core.process import end_process, prepare_process
    from npm_studio.cli.starter import starter

    prepare_process()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        arguments = ["gui"]
    command = next((a for a in arguments if a in COMMANDS), None)
    parser = build_parser(command)
    try:
        options, unknown = parser.parse_known_args(arguments)
        if unknown and not getattr(options, "takes_overrides", False):
            parser.error(f"unrecognised arguments: {' '.join(unknown)}")
    except SystemExit as stop:  # argparse: 0 after --help, 2 after wrong usage
        return int(stop.code or 0)
    options.overrides = unknown
    if options.version:
        from importlib.metadata import version

        print(f"npm-studio {version('npm-studio')}")
        return 0
    code = execute(options)
    if starter() is not None:  # a program waits for the end
        end_process(code)
    return code


def execute(options: argparse.Namespace) -> int:
    """Call ``options.run`` and report its outcome."""
    from engine.core.errors import Cancelled, InputError
    from npm_studio.cli import console
    from npm_studio.cli.starter import starter
    from npm_studio.cli.words import words
    from npm_studio.log_file import log_path, start_log

    start_log()
    asker = starter()

    try:
        results: dict[str, Any] | None = options.run(options)
    except InputError as error:
        _log.warning("%s", error.line(words))
        if asker is not None:
            asker.tell_error(error)
            return 2
        print(f"npm-studio: {error.line(words)}", file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt):
        print("npm-studio: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would complain once more
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        _log.warning("a file could not be used", exc_info=error)
        print(f"npm-studio: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except Exception as error:
        _log.critical("an unexpected error", exc_info=error)
        error.add_note(f"npm-studio: this should not happen; please report it, with the log {log_path()}")
        raise
    if getattr(options, "json", False) and console.is_rank_zero():
        print(json.dumps(results or {}))
    return 130 if console.interrupted() else 0


if __name__ == "__main__":
    sys.exit(main())
