# shellcheck shell=bash
# Shared by the scripts beside it; sourced, not run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# show_help "$@": prints the caller's usage and ends if help was asked for.
show_help() {
  local argument
  for argument in "$@"; do
    case $argument in -h | --help) usage; exit 0 ;; esac
  done
}

# use_ccache FOLDER: for builds without a preset of CMakePresets.json. Clones and temporary
# folders share what ccache keeps: paths below FOLDER are hashed as relative ones.
use_ccache() {
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=true CCACHE_MAXSIZE=10G
}

# start_server FOLDER [FLAG...]: a server of the release build on a free loopback
# port; sets server_pid and server_address. Its log is FOLDER/server.log, its data
# FOLDER/data.
start_server() {
  local folder=$1 waited
  shift
  rm -f "$folder/port"
  "$top/build/release/server/calipers-server" --listen 127.0.0.1:0 \
    --port-file "$folder/port" --data-dir "$folder/data" "$@" 2>"$folder/server.log" &
  server_pid=$!
  for ((waited = 0; waited < 300; ++waited)); do
    if [[ -s $folder/port ]]; then
      # shellcheck disable=SC2034  # the caller's
      server_address=127.0.0.1:$(<"$folder/port")
      return
    fi
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/server.log" >&2
  die "the server did not start"
}

# stop_server: ends it as an operator would, and fails if it does not end well.
stop_server() {
  local pid=${server_pid:-}
  server_pid=
  [[ -n $pid ]] || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || die "the server ended with status $?"
}
