#!/usr/bin/env bash
# The system packages that pictures, windows and the build of csrc need on Debian and Ubuntu.
# As root it installs what is missing; otherwise it prints the line to run and goes on.
set -euo pipefail

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  found=$("$python" --version 2>&1 | head -n 1) || true
  echo "NPM Studio needs Python 3.11 or newer, $python is ${found:-missing}; name another one: make PYTHON=python3.11" >&2
  exit 2
fi

packages=(
  xvfb xauth
  libegl1 libgl1 libgl1-mesa-dri
  libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0
  libxcb-shape0 libxcb-xinerama0 libdbus-1-3 libfontconfig1 fonts-dejavu-core
)
command -v cc >/dev/null || packages+=(gcc libc6-dev)
"$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.isfile(sysconfig.get_path("include") + "/Python.h"))' ||
  packages+=(python3-dev)
"$python" -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)

if ! command -v dpkg-query >/dev/null; then
  if [ "$(uname)" = Linux ]; then
    echo "This is no Debian or Ubuntu; install what corresponds to: ${packages[*]}" >&2
  fi
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || true
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "System packages are missing. To install them: sudo apt-get install -y ${missing[*]}" >&2
fi
