"""`npm-studio dataset render`: a depth sequence with ground truth from a registered dataset."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a registered dataset")
    parser.add_argument("out", type=Path, metavar="OUT", help="depth sequence folder to write")
    parser.add_argument("--identity", default="0", metavar="I", help="name or index of an identity (default: 0)")
    parser.add_argument("--sequence", default="0", metavar="S", help="name or index of its sequence (default: 0)")
    parser.add_argument(
        "--format", choices=("png", "npz"), default="png", help="16-bit millimetres or float32 metres (default: png)"
    )
    add_device(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.dataset.registered import find_name, load_registered_dataset
    from engine.dataset.rendering import render_sequence
    from engine.device import resolve_device

    device = resolve_device(options.device)
    dataset = load_registered_dataset(options.dataset)
    identity = dataset.identity_index(options.identity)
    names = dataset.sequences_of(identity)
    sequence = names[find_name(names, options.sequence, f"{options.dataset}: sequence")]
    with ConsoleProgress() as progress:
        frames = render_sequence(
            dataset, identity, sequence, options.out, device=device, file_format=options.format, progress=progress
        )
        progress.message(f"{options.out}: {frames} frames of {dataset.identities[identity]}, {sequence}")
    return {
        "out": str(options.out),
        "identity": dataset.identities[identity],
        "sequence": sequence,
        "frames": frames,
        "format": options.format,
    }
