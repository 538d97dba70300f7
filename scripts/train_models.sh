#!/bin/bash
# Trains the built-in models from nothing: data by recorded seeds, all stages, quality, cards.
#
#     scripts/train_models.sh WORK [data] [coordinates] [anny-full] [anny-compact] [hand-compact]
#
# Everything is written below WORK; without names, all of it is done. MOTION_CAPTURE may name a folder of BVH files, which
# the coordinate network of bodies then sees as well, as the built-in one has. Each model takes about a quarter of an hour on a
# large GPU and can be interrupted (Ctrl-C, SIGTERM) and started again: it goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
studio() { "${PYTHON:-python3}" -m npm_studio "$@"; }
work=$1
shift
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(data coordinates anny-full anny-compact hand-compact)

make_data() {
  [ -d "$work/bodies" ] || studio dataset anny "$work/bodies" --identities 160 --sequences 16 --frames 4 --seed 11
  [ -d "$work/hands" ] || studio dataset hands "$work/hands" --identities 64 --sequences 12 --frames 10 --seed 21
  # more bodies and hands for the coordinates, which need no samples of their surfaces
  [ -d "$work/bodies-views" ] ||
    studio dataset anny "$work/bodies-views" --identities 400 --sequences 16 --frames 6 --seed 11
  [ -d "$work/bodies-views-held-out" ] ||
    studio dataset anny "$work/bodies-views-held-out" --identities 8 --sequences 4 --frames 10 --seed 12
  [ -d "$work/hands-views" ] ||
    studio dataset hands "$work/hands-views" --identities 200 --sequences 12 --frames 10 --seed 21
  [ -d "$work/hands-views-held-out" ] ||
    studio dataset hands "$work/hands-views-held-out" --identities 8 --sequences 2 --frames 8 --seed 22
  if [ -n "${MOTION_CAPTURE:-}" ] && [ ! -d "$work/bodies-seen" ]; then
    studio dataset bvh "$MOTION_CAPTURE" "$work/bodies-captured" --identities 40 --frames 8 --seed 11
    studio split merge "$work/bodies-views" "$work/bodies-captured" "$work/bodies-seen"
  fi
  # other identities, for the figures during training
  [ -d "$work/bodies-held-out" ] ||
    studio dataset anny "$work/bodies-held-out" --identities 8 --sequences 2 --frames 8 --seed 12
  [ -d "$work/hands-held-out" ] ||
    studio dataset hands "$work/hands-held-out" --identities 8 --sequences 2 --frames 8 --seed 22
  local jobs=()
  for name in bodies hands bodies-held-out hands-held-out; do
    studio prepare "$work/$name" --surface 20000 --check-fraction 0.002 &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
}

coordinates() { # CLASS PRESET DATA; one network for all models of a class
  studio train coordinates --config "configs/$2" --data "$work/$3" --validation "$work/$1-views-held-out" \
    --out "$work/human-$1.safetensors" --seed 1 --resume
}

bodies_seen() { if [ -d "$work/bodies-seen" ]; then echo bodies-seen; else echo bodies-views; fi; }

train() { # NAME PRESET DATA SPLIT
  local model=$work/$1.npm
  studio train all --config "configs/$2" --data "$work/$3" --validation "$work/$3-held-out" --out "$model" --seed 1 \
    --resume --coordinates null
  "${PYTHON:-python3}" scripts/share_coordinates.py "$model" "../human-$3.safetensors"
  # a bar that is missed is told by the card, too
  "${PYTHON:-python3}" benchmarks/model_quality.py --model "$model" --data "$work/$3" --split "configs/$4" \
    --json "$work/$1.quality.json" || [ $? -eq 1 ]
  studio card "$model" --quality "$work/$1.quality.json" --notes "scripts/model_notes/$1.md"
}

for name in "${wanted[@]}"; do
  case $name in
    data) make_data ;;
    coordinates) coordinates bodies anny/full.yaml "$(bodies_seen)" && coordinates hands hands/compact.yaml hands-views ;;
    anny-full) train anny-full anny/full.yaml bodies anny/quality.yaml ;;
    anny-compact) train anny-compact anny/compact.yaml bodies anny/quality.yaml ;;
    hand-compact) train hand-compact hands/compact.yaml hands hands/quality.yaml ;;
    *)
      echo "train_models.sh: $name is neither data, coordinates nor one of the built-in models" >&2
      exit 2
      ;;
  esac
done
