# shellcheck shell=bash
# Stages of a check: their exit status decides, their logs are counted for people. Sourced by
# scripts/test and .ci/run, under `set -euo pipefail`.

stage_lines=()
stages_passed=0
stages_failed=0

# sum_of PATTERN FILE: the sum of the numbers before PATTERN in FILE.
sum_of() {
  { grep -oE "[0-9]+ $1\b" "$2" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# counted FORMAT FILE: "PASSED FAILED", as the log says it.
#   whole    nothing to count: the stage passes or fails as one
#   ctest    the summary of ctest
#   pytest   the summaries of pytest, added up
#   closing  the last line "N passed, N failed"
counted() {
  local summary passed failed total
  summary=$(mktemp)
  case $1 in
    whole) echo '1 0' ;;
    ctest)
      read -r failed total < <(
        sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+)$/\1 \2/p' "$2" |
          tail -n 1
      ) || true
      echo "$((${total:-0} - ${failed:-0})) ${failed:-0}"
      ;;
    pytest)
      grep -E '^=* ?[0-9]+ [a-z]+.* in [0-9.]+s' "$2" >"$summary" || true
      echo "$(sum_of passed "$summary") $(($(sum_of failed "$summary") + $(sum_of 'errors?' "$summary")))"
      ;;
    closing)
      { grep -E '^[0-9]+ passed, [0-9]+ failed$' "$2" || true; } |
        tail -n 1 >"$summary"
      echo "$(sum_of passed "$summary") $(sum_of failed "$summary")"
      ;;
    *)
      rm -f "$summary"
      echo "stages: no format '$1'" >&2
      return 2
      ;;
  esac
  rm -f "$summary"
}

# stage NAME FORMAT COMMAND...: runs COMMAND, shows its output and adds its result to the
# totals. The stage passes only if COMMAND exits with 0. The counts can make a stage fail, never
# pass: a log that names failures, or a counted log without a passed test, is a failure too.
# Call it as a simple command: in a condition, bash ignores errexit inside of COMMAND.
stage() {
  local name=$1 format=$2 began=$SECONDS log passed failed
  local -a statuses
  shift 2
  printf '== %s\n' "$name" >&2
  log=$(mktemp)
  set +e
  (set -e; "$@") 2>&1 | tee "$log"
  statuses=("${PIPESTATUS[@]}")
  set -e
  read -r passed failed < <(counted "$format" "$log")
  rm -f "$log"
  # A log that could not be written proves nothing.
  [[ ${statuses[0]} -ne 0 || ${statuses[1]} -eq 0 ]] || statuses[0]=${statuses[1]}
  if [[ ${statuses[0]} -ne 0 && $format == whole ]]; then
    passed=0
    failed=1
  elif [[ $failed -eq 0 && (${statuses[0]} -ne 0 || $passed -eq 0) ]]; then
    failed=1
  fi
  stages_passed=$((stages_passed + passed))
  stages_failed=$((stages_failed + failed))
  stage_lines+=("$(printf '%-36s %5d s  status %3d  %d passed, %d failed' \
    "$name" $((SECONDS - began)) "${statuses[0]}" "$passed" "$failed")")
  stage_failed=$failed
}

# required NAME FORMAT COMMAND...: a stage without which the others mean nothing.
required() {
  stage "$@"
  [[ $stage_failed -eq 0 ]] || { finish; exit 1; }
}

# finish: prints each stage and, alone on the last line, the totals. Its status, as the
# script's last command, is 0 only if every stage passed.
finish() {
  printf '%s\n' "${stage_lines[@]}"
  printf '%d passed, %d failed\n' "$stages_passed" "$stages_failed"
  [[ $stages_failed -eq 0 && $stages_passed -gt 0 ]]
}
