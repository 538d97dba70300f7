"""`npm-studio dataset show`: contact sheets of a dataset, without a display."""

import argparse
from pathlib import Path
from typing import Any, Literal, get_args

from npm_studio.cli.console import ConsoleProgress, add_json

_Kind = Literal["canonical", "poses", "samples", "flow"]
_KINDS: tuple[_Kind, ...] = get_args(_Kind)


def configure(parser: argparse.ArgumentParser) -> None:
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


def run(options: argparse.Namespace) -> dict[str, Any]:
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
