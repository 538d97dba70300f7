"""`npm-studio compare`: runs beside each other, as a page and as tables."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

if TYPE_CHECKING:
    from engine.core.progress import Progress
    from engine.methods.run import Run
    from engine.sequences.truth import Truth
    from npm_studio.reports.comparison.tables import Numbers

NO_TRUTH = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Runs of one recording beside each other: index.html, a page that opens from disk without a request, with a "
        "table, curves, error maps, a video and a 3-D view with a timeline; frames.csv, summary.csv and "
        "comparison.json. Frames are matched by name, or else by time."
    )
    parser.add_argument(
        "run_folders",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="run folders; one alone is compared with the truth, or what was seen",
    )
    parser.add_argument(
        "--truth",
        metavar="DIR|none",
        help="true meshes, as `evaluate` takes them (default: those in the folder of the recording, where there are "
        "any); none: compare with what was seen alone",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.methods.run import load_run
    from npm_studio.reports.comparison.compared import compared_runs, named_runs
    from npm_studio.reports.comparison.tables import FRAMES, JSON, SUMMARY, as_dict
    from npm_studio.reports.comparison.writing import PAGE, check_out, write_comparison

    check_out(options.out)
    runs = named_runs([load_run(folder) for folder in options.run_folders])
    with ConsoleProgress() as progress:
        truth, folder = _truth(options.truth, runs, progress)
        together = compared_runs(runs, truth, folder, progress)
        for note in together.notes:
            progress.message(note)
        numbers = write_comparison(together, options.out, _command(options), options.seed, progress)
        progress.message(f"wrote {options.out / PAGE}")
    if not options.json:
        _print(numbers)
    told = as_dict(numbers, together.notes)
    files = {"page": PAGE, "frames_table": FRAMES, "summary_table": SUMMARY, "comparison": JSON}
    return {
        **{name: told[name] for name in ("against", "headline", "sides", "left_out", "undefined", "notes")},
        "frames": len(numbers.comparison),
        "truth": None if folder is None else str(folder),
        **{name: str(options.out / file) for name, file in files.items()},
    }


def _truth(
    stated: str | None, runs: "dict[str, Run]", progress: "Progress"
) -> "tuple[Truth, Path] | tuple[None, None]":
    """The truth and where it is, as it was stated or else in the recording."""
    from engine.comparison.own_truth import own_truth
    from engine.methods.evaluation import prediction_of
    from external.truth import open_stated_truth

    if stated == NO_TRUTH:
        return None, None
    first = next(iter(runs.values()))
    folder = None if stated is None else Path(stated)
    if folder is None:
        found = own_truth(list(runs.values()))
        folder = found.folder
        progress.message(f"no truth: {found.why}" if folder is None else f"truth: {folder}, {found.why}")
    if folder is None:
        return None, None
    truth, origin = open_stated_truth(folder, first, prediction_of(first, folder), progress)
    if origin:
        progress.message(origin)
    return truth, folder


def _command(options: argparse.Namespace) -> str:
    words = ["npm-studio", "compare", *map(str, options.run_folders)]
    words += [] if options.truth is None else ["--truth", options.truth]
    return shlex.join([*words, "--out", str(options.out), "--seed", str(options.seed)])


def _print(numbers: "Numbers") -> None:
    metrics = numbers.errors.metrics
    longest = max(len(side.name) for side in numbers.sides)
    print(" " * longest + "".join(f"{metric.title:>16s}" for metric in metrics) + f"{'lost':>8s}{'s/frame':>10s}")
    for side in numbers.sides:
        means = "".join(
            f"{side.metrics[metric.name].mean:13.4g} {metric.unit.replace('1', ''):2s}" for metric in metrics
        )
        lost = "–" if side.lost is None else str(side.lost)
        seconds = "–" if side.seconds_per_frame is None else f"{side.seconds_per_frame:.3g}"
        print(f"{side.name:{longest}s}{means}{lost:>8s}{seconds:>10s}")
