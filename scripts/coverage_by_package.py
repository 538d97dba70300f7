"""Print how many lines of each package the tests of the last `make test` have run.

    python scripts/coverage_by_package.py

Reads what pytest-cov has measured; which lines count is in ``[tool.coverage]`` of pyproject.toml. Exits with 2 when the
share of all lines is below ``fail_under``.
"""

import sys
from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[1]


def package_of(file: Path) -> str:
    """``engine.geometry`` for ``engine/geometry/repair/repair.py``."""
    return ".".join(file.relative_to(ROOT).parent.parts[:2])


def main() -> int:
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    lines, missed = Counter[str](), Counter[str]()
    for file in coverage.get_data().measured_files():
        _, statements, _, missing, _ = coverage.analysis2(file)
        for package in (package_of(Path(file)), "all"):
            lines[package] += len(statements)
            missed[package] += len(missing)
    print(f"{'package':28}{'lines':>8}{'missed':>8}{'covered':>9}")
    for package in (*sorted(set(lines) - {"all"}), "all"):
        if lines[package]:
            share = 1 - missed[package] / lines[package]
            print(f"{package:28}{lines[package]:8}{missed[package]:8}{share:9.1%}")
    least = coverage.get_option("report:fail_under")
    return 2 if 100 * (1 - missed["all"] / lines["all"]) < float(str(least)) else 0


if __name__ == "__main__":
    sys.exit(main())
