"""`npm-studio dataset info`: what a dataset holds."""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import add_json

if TYPE_CHECKING:
    from engine.dataset.summary import DatasetSummary


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset, a split, or a tree read in place")
    parser.add_argument("--identities", action="store_true", help="add a line for each identity")
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
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
