"""The bodies of all scenes of some sets in one file, to make these scenes where the Anny model is not installed.

python benchmarks/scene_people.py FILE.npz [--sets test development ...]
python benchmarks/scenes.py SCENES --set test --people FILE.npz
"""

import argparse
import sys
from pathlib import Path

from engine.core.errors import InputError
from external.scenes.people import anny_casting, save_people
from external.scenes.sets import load_scene_sets
from npm_studio.resources import scene_sets


def main() -> int:
    sets = load_scene_sets(scene_sets())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="FILE.npz")
    parser.add_argument("--sets", nargs="+", choices=list(sets), default=list(sets), metavar="SET")
    options = parser.parse_args()
    try:
        save_people(options.out, [plan for name in options.sets for plan in sets[name].values()], anny_casting())
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
