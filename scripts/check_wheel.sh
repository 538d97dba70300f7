#!/usr/bin/env bash
# Builds the wheel, installs it in a fresh environment with the plug-in of docs/examples beside it, and uses both from
# a folder that is not the checkout.
#
#   scripts/check_wheel.sh [FOLDER]
#
# FOLDER gets the environment and all that is written, and stays; by default it is temporary. Needs what `make test`
# needs, and .venv or PYTHON with the package `build`. Takes some ten minutes on two cores, most of it for packages.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$checkout/.venv/bin/python}
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
work=$(cd "$work" && pwd)
bin=$work/env/bin
unset PYTHONPATH
export PYTHONNOUSERSITE=1 XDG_CONFIG_HOME=$work/home XDG_DATA_HOME=$work/home XDG_STATE_HOME=$work/home

step() { printf '\n== %s\n' "$*"; }
studio() { step "npm-studio $*"; "$bin/npm-studio" "$@"; }
refuse() { printf 'check_wheel: %s\n' "$*" >&2; exit 1; }

step "the wheel and the archive of the sources"
"$python" -m build --outdir "$work/dist" "$checkout" > "$work/build.log" || { tail "$work/build.log"; exit 1; }
ls -l "$work/dist"

step "a fresh environment with the wheel"
"$python" -m venv --clear "$work/env"
"$bin/python" -m pip install --quiet torch==2.13.0
"$bin/python" -m pip install --quiet "$(ls "$work"/dist/*.whl)[gui]"

cd "$work"
"$bin/python" - "$checkout" <<'END'
import sys
from pathlib import Path

import csrc, engine, external, npm_studio
from npm_studio import resources

for package in (csrc, engine, external, npm_studio):
    assert not Path(package.__file__).is_relative_to(sys.argv[1]), package.__file__
    assert (Path(package.__file__).parent / "py.typed").is_file(), package
print("packages and their data:", Path(npm_studio.__file__).parent, *resources.built_in_models())
END

studio doctor | tee doctor.txt
! grep -q checkout doctor.txt || refuse "doctor speaks of a checkout"
! grep -q "not installed" doctor.txt || refuse "a package is missing"
studio reconstruct --model hand-compact --identity 0 --resolution 64 --out hand.ply
studio dataset anny bodies --identities 3 --sequences 2 --frames 6 --seed 3
studio prepare bodies
studio train all --config anny/tiny --data bodies --out bodies.npm \
  --shape.schedule.steps 20 --pose.schedule.steps 20 --shape_encoder.schedule.steps 5 --pose_encoder.schedule.steps 5 --coordinates.schedule.steps 5
studio demo --out demo
[ -s demo/report.html ] || refuse "no report"

step "the plug-in of docs/examples"
cp -r "$checkout/docs/examples/plugin" .
"$bin/python" -m pip install --quiet --no-deps ./plugin
rm -r plugin
"$bin/python" - <<'END'
import json
from pathlib import Path

from npm_studio import api

sequence = api.load_depth_sequence(api.demo_sequence())
camera, out = sequence.camera, Path("walk")
out.mkdir(exist_ok=True)
names = ("width", "height", "fx", "fy", "cx", "cy")
(out / "dep.json").write_text(json.dumps({name: getattr(camera, name) for name in names}))
for index in range(3):
    (out / f"{index:06d}.dep").write_bytes(sequence.depth_m(index).astype("<f4").tobytes())
END
studio fit --help > fit-help.txt
grep -A 3 "visible-surface" fit-help.txt || refuse "help does not list the method"
studio capture info walk | tee capture.txt
grep -q "dep: has dep.json" capture.txt || refuse "the recording is not read by the plug-in"
studio fit walk --method visible-surface --max_edge_m 0.03 --out run
ls run run/meshes

step "the window, under Xvfb"
cp "$checkout/scripts/grab_screen.py" .
xvfb-run -a -s "-screen 0 1600x1000x24" bash -c '
  "$1/npm-studio" gui & window=$!
  "$1/python" grab_screen.py window.png
  kill -INT $window; wait $window || [ $? -eq 130 ]
' window "$bin"

step "the window lists the method, under Xvfb"
xvfb-run -a -s "-screen 0 1600x1000x24" "$bin/python" - <<'END'
from npm_studio import bootstrap

app = bootstrap.create_application()
from npm_studio.views.main_window import MainWindow

window = MainWindow()
choice = window.fit.form.choice
print(titles := [choice.itemText(row) for row in range(choice.count())])
assert "Visible surface" in titles
END

step "all is well; the window is in $work/window.png"
