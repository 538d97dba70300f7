"""`npm-studio dataset` kinds that say what is in a dataset and what is wrong with it."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from npm_studio.cli.console import ConsoleProgress, add_json

if TYPE_CHECKING:
    from engine.dataset.summary import DatasetSummary

_Kind = Literal["canonical", "poses", "samples", "flow"]
_KINDS: tuple[_Kind, ...] = get_args(_Kind)


def configure_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset, a split, or a tree read in place")
    add_json(parser)


def run_verify(options: argparse.Namespace) -> dict[str, Any]:
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
        head = "problems found" if found.problems else "clean"
        print(f"{options.dataset}: {head} ({found.checked_in_words()})")
    if found.problems:
        if options.json:
            print(json.dumps(results))
        count = f"{len(found.problems)} problem" + ("s" if len(found.problems) > 1 else "")
        raise InputError(options.dataset, f"has {count}", "each is listed with its remedy")
    return results


def configure_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset, a split, or a tree read in place")
    parser.add_argument("--identities", action="store_true", help="add a line for each identity")
    add_json(parser)


def run_info(options: argparse.Namespace) -> dict[str, Any]:
    from engine.dataset.summary import summarise_dataset
    from external.datasets import open_dataset

    summary = summarise_dataset(open_dataset(options.dataset))
    if not options.json:
        for name, value in _lines(summary):
            print(f"{name:<11} {value}")
        if options.identities:
            width = max((len(each.name) for each in summary.identities), default=0)
            for each in summary.identities:
                print(
                    f"{each.name:<{width}}  {each.vertices} vertices  {each.faces} faces  "
                    f"{each.sequences} sequences  {each.frames} frames  pools: {each.pools}"
                    + (f"  from {each.dataset}" if summary.sources else "")
                )
    return summary.as_dict()


def _lines(summary: "DatasetSummary") -> Iterable[tuple[str, str]]:
    people = summary.identities
    centre = ", ".join(f"{value:g}" for value in summary.centre)
    own = "; identities have their own" if summary.similarity_per_identity else ""
    pools = Counter(each.pools for each in people)
    yield "name", summary.name
    yield "class", summary.category
    yield "licence", summary.licence
    yield "similarity", f"scale {summary.scale:g} per metre, centre ({centre}) metres{own}"
    if summary.size_m is not None:
        x, y, z = summary.size_m
        yield "size", f"{x:.3g} x {y:.3g} x {z:.3g} m (x, y, z; median of the canonical meshes)"
    yield "axes", summary.axes
    yield "identities", str(len(people))
    yield "sequences", str(summary.sequences)
    yield "frames", f"{summary.frames} at {summary.frame_rate:g} per second"
    yield "vertices", _range(each.vertices for each in people)
    yield "faces", _range(each.faces for each in people)
    yield "on disk", f"{summary.bytes_on_disk / 1e6:.1f} MB"
    yield "pools", ", ".join(f"{state} for {count}" for state, count in pools.items()) or "none"
    for name, source in summary.sources.items():
        yield "source", f"{name}: {source}"


def _range(values: Iterable[int]) -> str:
    numbers = sorted(set(values))
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0]) if numbers else "none"


def configure_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a registered dataset")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT", help="SHEET.png for one picture, or a folder for one per kind"
    )
    parser.add_argument(
        "--identities", type=_count, default=6, metavar="N", help="at most this many, evenly spread (default: 6)"
    )
    parser.add_argument(
        "--kind",
        choices=(*_KINDS, "all"),
        default="all",
        help="canonical meshes, poses, samples inside and outside, or correspondences as colours (default: all)",
    )
    add_json(parser)


def run_show(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.dataset.pools import load_pools
    from external.datasets import open_dataset

    is_file = options.out.suffix.lower() == ".png"
    if not is_file and options.out.suffix:
        raise InputError(options.out, "unknown ending", "use .png for a picture or the name of a folder")
    if options.out.is_dir() if is_file else options.out.is_file():
        raise InputError(options.out, f"is a {'folder' if is_file else 'file'}", "name another")
    dataset = open_dataset(options.dataset)

    from npm_studio.reports.pictures import save_picture
    from npm_studio.reports.pictures.dataset_sheet import dataset_sheet, stack

    kinds: list[_Kind] = list(_KINDS) if options.kind == "all" else [options.kind]
    with ConsoleProgress() as progress:
        if options.kind == "all":
            try:
                load_pools(dataset, 0)
            except InputError as error:
                kinds.remove("samples")
                progress.notice(error.as_notice("without samples"))
        sheets = {kind: dataset_sheet(dataset, kind, options.identities, progress) for kind in kinds}
        if is_file:
            files = [options.out]
            save_picture(stack(list(sheets.values())), options.out)
        else:
            files = [options.out / f"{kind}.png" for kind in sheets]
            for path, sheet in zip(files, sheets.values(), strict=True):
                save_picture(sheet, path)
        for path in files:
            progress.message(f"wrote {path}")
    return {"files": [str(path) for path in files], "kinds": kinds}


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 1000")
    return int(text)
