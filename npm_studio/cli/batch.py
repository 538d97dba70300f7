"""`npm-studio batch`: many fits, by the processes of one machine or of a cluster."""

import argparse
import json
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, interrupted
from npm_studio.cli.workers import add_workers, check_folder, stated_workers

_EPILOG = """A manifest is a YAML file with a list of rows, or a CSV file. A row states a sequence, and may state name,
model, method, options of the method, truth to be evaluated against, and how the recording is opened; paths are relative
to the manifest. What is done is kept: the same command goes on where it was interrupted, does again what has failed,
and those fits alone whose row or files have changed. DIR gets a run for each row and batch.csv with a line for each.
See docs/cluster.md."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="rows of fits: .yaml or .csv")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the runs and their table")
    add_workers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from npm_studio.batch.fits import fit_tasks
    from npm_studio.batch.manifest import read_manifest
    from npm_studio.batch.running import run_tasks
    from npm_studio.batch.table import row_of, summary_lines, write_table
    from npm_studio.batch.words import InManifestWords, manifest_words

    check_folder(options.out)
    with ConsoleProgress() as console:
        progress = InManifestWords(console)
        rows, wrong = read_manifest(options.manifest)
        if len(wrong) == 1:
            raise wrong[0]
        for error in wrong:
            progress.message(error.line(manifest_words))
        if wrong:
            problem = f"{len(wrong)} rows cannot be begun, as said above, and nothing was"
            raise InputError(options.manifest, problem, "correct or remove them")
        outcomes = run_tasks(fit_tasks(rows, options.out), options.out, stated_workers(options), progress)
        found = [row_of(outcome) for outcome in outcomes]
        table = write_table(found, options.out)
        for line in summary_lines(found):
            progress.message(line)
        progress.message(f"table: {table}")
    results = {"out": str(options.out), "table": str(table), "fits": found}
    failed = sum(row["state"] == "failed" for row in found)
    if failed and not interrupted():
        if options.json:
            print(json.dumps(results))
        problem = f"{failed} of {len(found)} fits are not done, as said above"
        raise InputError(options.manifest, problem, "correct what is wrong and start again: what is done is kept")
    return results
