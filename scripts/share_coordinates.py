"""Have a model name a coordinate network beside it: ``share_coordinates.py MODEL.npm ../NAME.safetensors``."""

import sys
from pathlib import Path

from engine.core.errors import InputError
from engine.models.checkpoint import share_coordinate_network


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        share_coordinate_network(Path(arguments[0]), arguments[1])
    except InputError as error:
        print(f"share_coordinates.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
