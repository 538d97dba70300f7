"""`npm-studio dataset verify`: every problem of a dataset, one per line."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset, a split, or a tree read in place")
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.dataset.verification.verify import verify_dataset
    from external.datasets import open_dataset
    from npm_studio.cli.words import words

    with ConsoleProgress() as progress:
        found = verify_dataset(options.dataset, open_dataset, progress, workers=os.cpu_count() or 1)
    for note in found.notes:
        print(f"note: {note.line(words)}", file=sys.stderr)
    results = {
        "problems": [
            {"subject": each.name(words), "problem": each.problem, "cure": each.remedy.line(words)}
            for each in found.problems
        ],
        "notes": [note.line(words) for note in found.notes],
        "checked": found.checked,
    }
    if not options.json:
        for problem in found.problems:
            print(problem.line(words))
        checked = ", ".join(f"{count} {name}" for name, count in found.checked.items())
        print(f"{options.dataset}: {'problems found' if found.problems else 'clean'} ({checked} checked)")
    if found.problems:
        if options.json:
            print(json.dumps(results))
        count = f"{len(found.problems)} problem" + ("s" if len(found.problems) > 1 else "")
        raise InputError(options.dataset, f"has {count}", "each is listed with its cure")
    return results
