# Sourced by run and test: makes .venv and installs a lock into it, once.
# Usage: source scripts/setup.sh; setup requirements.lock requirements.txt

set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
VENV="$ROOT/.venv"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  say "Python 3.11 or newer was not found. On Debian: apt-get install python3 python3-venv"
  return 1
}

make_venv() {
  [ -x "$VENV/bin/pip" ] && return
  local python
  python="$(find_python)"
  say "Creating the environment in .venv with $("$python" --version)"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps these modules in a package of their own.
    local version install
    version="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    install="apt-get install -y $version"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      say "Installing $version"
      apt-get update -q && $install
    else
      say "$version is missing. Install it and run this again: sudo $install"
      return 1
    fi
  fi
  rm -rf "$VENV"
  "$python" -m venv "$VENV"
}

setup() {
  local lock="$1" direct="$2" stamp wanted
  make_venv
  stamp="$VENV/.installed"
  wanted="$(cat "$lock" "$direct" | sha256sum | cut -d' ' -f1) $lock"
  if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
    return
  fi
  say "Installing what the program needs (once; a few minutes on a slow line)"
  if [ "$(uname -sm)" = "Linux x86_64" ] && "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    "$VENV/bin/pip" install --disable-pip-version-check --require-hashes -r "$lock"
  else
    say "The lock is for Python 3.11 on Linux x86-64; installing from $direct instead"
    "$VENV/bin/pip" install --disable-pip-version-check -r "$direct"
  fi
  printf '%s\n' "$wanted" >>"$stamp"
}
