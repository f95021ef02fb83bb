# shellcheck shell=bash
# Functions that the scripts of this folder share. Scripts source this file.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# show_help "$@": prints the caller's usage and exits if an argument is -h or --help.
show_help() {
  local argument
  for argument in "$@"; do
    case $argument in -h | --help) usage; exit 0 ;; esac
  done
}

# use_ccache FOLDER: enables ccache for builds without a preset of CMakePresets.json. ccache hashes
# paths below FOLDER as relative paths, so that clones and temporary folders share its cache.
use_ccache() {
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=true CCACHE_MAXSIZE=10G
}

# start_server FOLDER [FLAG...]: starts a server of the release build on a free loopback port, and
# waits until it listens. Sets server_pid and server_address. The log is FOLDER/server.log, the
# data directory is FOLDER/data.
start_server() {
  local folder=$1 waited
  shift
  rm -f "$folder/port"
  "$top/build/release/server/calipers-server" --listen 127.0.0.1:0 \
    --port-file "$folder/port" --data-dir "$folder/data" "$@" 2>"$folder/server.log" &
  server_pid=$!
  for ((waited = 0; waited < 300; ++waited)); do
    if [[ -s $folder/port ]]; then
      # shellcheck disable=SC2034  # callers use it
      server_address=127.0.0.1:$(<"$folder/port")
      return
    fi
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/server.log" >&2
  die "the server did not start"
}

# stop_server: stops the server with SIGTERM, and fails if its exit status is not 0.
stop_server() {
  local pid=${server_pid:-}
  server_pid=
  [[ -n $pid ]] || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || die "the server ended with status $?"
}
