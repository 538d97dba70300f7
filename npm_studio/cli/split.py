"""`npm-studio split`: labels that choose identities and frames of datasets."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

if TYPE_CHECKING:
    from engine.dataset.splits import Selection

_NAMES = "names separated by commas; * and ? stand for anything"


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    make = _add(actions, "make", "choose identities and sequences of a dataset")
    _add_places(make)
    chosen = make.add_mutually_exclusive_group()
    chosen.add_argument("--identities", type=_names, default=[], metavar="A,B", help=f"only these: {_NAMES}")
    chosen.add_argument("--exclude", type=_names, default=[], metavar="A,B", help="all but these")
    make.add_argument("--sequences", type=_names, default=[], metavar="PATTERN", help=f"only these: {_NAMES}")
    add_json(make)

    merge = _add(actions, "merge", "join datasets; identities are renumbered, those on disk once are in it once")
    merge.add_argument("datasets", type=Path, nargs="+", metavar="DIR", help="datasets or splits")
    merge.add_argument("out", type=Path, metavar="OUT", help="split folder to write; a split there is replaced")
    add_json(merge)

    fewer = _add(actions, "subsample", "random frames, as many of each identity")
    _add_places(fewer)
    fewer.add_argument(
        "--frames", type=int, required=True, metavar="N", help="number of frames, rounded up per identity"
    )
    add_seed(fewer)
    add_json(fewer)

    held = _add(
        actions, "hold-out", "train and test splits: OUT/train, OUT/test_identities, OUT/test_motions, OUT/test_both"
    )
    _add_places(held)
    held.add_argument("--identities", default="0", metavar="N|A,B", help="how many to draw, or their names")
    held.add_argument("--motions", type=_names, default=[], metavar="PATTERN", help=f"sequences: {_NAMES}")
    add_seed(held)
    add_json(held)

    encoder = _add(actions, "encoder", "OUT/train and OUT/validation without common identities")
    _add_places(encoder)
    encoder.add_argument(
        "--validation", type=float, default=0.05, metavar="FRACTION", help="fraction of the identities (default: 0.05)"
    )
    add_seed(encoder)
    add_json(encoder)

    rows = _add(actions, "map", "which shape code of a model each identity has, found by dataset and name")
    rows.add_argument("dataset", type=Path, metavar="DIR", help="a dataset or split")
    rows.add_argument("--model", type=Path, required=True, metavar="M", help="a model folder NAME.npm")
    rows.add_argument("--out", type=Path, metavar="FILE", help="write it there, as train_to_augmented.json has it")
    add_json(rows)


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.action == "map":
        return _map(options)
    from engine.dataset.splits import encoder_split, hold_out, select, subsample, write_splits
    from external.datasets import open_dataset

    parts: Mapping[str, Sequence[Selection]]
    recipe: dict[str, Any] = {"command": f"split {options.action}"}
    if options.action == "merge":
        parts = {"": [select(open_dataset(path)) for path in options.datasets]}
    else:
        dataset = open_dataset(options.dataset)
        names = ("identities", "exclude", "sequences", "frames", "motions", "validation", "seed")
        recipe |= {name: getattr(options, name) for name in names if name in options}
        if options.action == "make":
            parts = {"": [select(dataset, options.identities, options.exclude, options.sequences)]}
        elif options.action == "subsample":
            parts = {"": [subsample(select(dataset), options.frames, options.seed)]}
        elif options.action == "hold-out":
            count = options.identities
            is_count = count.isdecimal() and count not in dataset.identities
            unseen = int(count) if is_count else _names(count)
            held = hold_out(dataset, unseen, options.motions, options.seed)
            parts = {name: [part] for name, part in held.items()}
        else:
            halves = encoder_split(dataset, options.validation, options.seed)
            parts = {name: [part] for name, part in halves.items()}
    with ConsoleProgress() as progress:
        write_splits(options.out, parts, recipe, progress)
        if options.action == "hold-out" and "train" in parts:
            known = set(open_dataset(options.out / "train").identities)
            unseen = [name for name in dataset.identities if name not in known]
            if unseen:
                progress.message(f"held out: {', '.join(unseen)}")
        results: dict[str, Any] = {}
        for name in parts:
            split = open_dataset(options.out / name)
            results[name] = {"identities": len(split.identities), "frames": len(split.labels)}
            sequences = sum(len(split.sequences_of(i)) for i in range(len(split.identities)))
            progress.message(
                f"{options.out / name}: {len(split.identities)} identities, {sequences} sequences, "
                f"{len(split.labels)} frames"
            )
    return {"out": str(options.out), **results.get("", {"splits": results})}


def _map(options: argparse.Namespace) -> dict[str, Any]:
    import json

    from engine.core.errors import InputError
    from engine.core.files import write_json
    from engine.dataset.splits import shape_rows
    from engine.models.checkpoint import load_model
    from external.datasets import open_dataset

    rows = shape_rows(open_dataset(options.dataset), load_model(options.model).info)
    mapping = {str(index): int(row) for index, row in enumerate(rows)}
    if options.out is not None:
        if options.out.is_dir():
            raise InputError(options.out, "is a folder", "name a file, such as train_to_augmented.json in it")
        write_json(options.out, mapping)
    elif not options.json:
        print(json.dumps(mapping))
    return {"train_to_augmented": mapping}


def _add(actions: Any, name: str, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
    )
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset or split; it is left as it is")
    parser.add_argument("out", type=Path, metavar="OUT", help="split folder to write; a split there is replaced")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
