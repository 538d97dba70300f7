"""Time and disk of Anny datasets, and how both grow.

    python benchmarks/dataset_store.py [--identities N] [--sequences N] [--frames N] [--folder DIR] [--out FILE.json]

Makes the dataset with a tenth of the identities and then the whole one, on all cores, and removes both; a single frame
before them loads the body model, whose time is not counted. The default is the one that the bar is set for: 40 bodies
in 10 motions of 40 frames take at most 1.4 GB, ten times their tenth. Training draws its samples from these files
without writing more. ``--tenth`` makes the tenth alone.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.core.files import write_json
from engine.core.process import prepare_process
from external.anny.generate import generate_dataset
from npm_studio.cli.console import ConsoleProgress

MOST_BYTES = 1.4e9


def measure(folder: Path, identities: int, sequences: int, frames: int, seed: int) -> dict[str, Any]:
    """Make a dataset below ``folder``, take its time and size, and remove it."""
    out = folder / f"anny-{identities}x{sequences}x{frames}"
    started = time.perf_counter()
    with ConsoleProgress(60.0) as progress:
        generate_dataset(out, identities, sequences, frames, seed, progress=progress)
    seconds = time.perf_counter() - started
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    arrays = sum(path.stat().st_size for path in files if path.suffix == ".npy")
    shutil.rmtree(out)
    count = identities * sequences * frames
    return {
        "identities": identities,
        "sequences": sequences,
        "frames": frames,
        "frames_in_all": count,
        "seconds": seconds,
        "milliseconds_per_frame": 1000 * seconds / count,
        "bytes": size,
        "bytes_of_labels": size - arrays,
        "megabytes_per_1000_frames": size / count / 1000,
        "files": len(files),
    }


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identities", type=int, default=40, metavar="N")
    parser.add_argument("--sequences", type=int, default=10, metavar="N")
    parser.add_argument("--frames", type=int, default=40, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tenth", action="store_true", help="make only the dataset with a tenth of the identities")
    parser.add_argument("--folder", type=Path, help="where to make the datasets (default: the system's temporary one)")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/dataset_store.json"))
    options = parser.parse_args()
    tenth = max(options.identities // 10, 1)
    sizes = [tenth] if options.tenth else [tenth, options.identities]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    heads = ("identities", "frames", "seconds", "ms/frame", "MB", "MB/1000 fr.", "labels MB")
    print("  ".join(f"{head:>11}" for head in heads))
    rows = []
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="dataset-store-") as folder:
        measure(Path(folder), 1, 1, 1, options.seed)  # loads the body model, which only a first dataset waits for
        for identities in sizes:
            row = measure(Path(folder), identities, options.sequences, options.frames, options.seed)
            rows.append(row)
            print(
                f"{identities:11d}  {row['frames_in_all']:11d}  {row['seconds']:11.1f}  "
                f"{row['milliseconds_per_frame']:11.1f}  {row['bytes'] / 1e6:11.1f}  "
                f"{row['megabytes_per_1000_frames']:11.2f}  {row['bytes_of_labels'] / 1e6:11.2f}",
                flush=True,
            )
    results: dict[str, Any] = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "seed": options.seed,
        "most_bytes": MOST_BYTES,
        "datasets": rows,
    }
    if len(rows) == 2:
        small, large = rows
        growth = {name: large[name] / small[name] for name in ("frames_in_all", "seconds", "bytes")}
        results |= {"growth": growth, "within_most_bytes": large["bytes"] <= MOST_BYTES}
        print(
            f"{growth['frames_in_all']:.1f} times the frames: {growth['seconds']:.2f} times the time, "
            f"{growth['bytes']:.3f} times the disk"
        )
        verdict = "within" if results["within_most_bytes"] else "OVER"
        print(f"{large['bytes'] / 1e9:.3f} GB, {verdict} the {MOST_BYTES / 1e9:.1f} GB allowed")
    write_json(options.out, results)
    print(f"written: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
