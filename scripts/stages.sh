# shellcheck shell=bash
# Stages of a check. A stage's exit status decides whether it passes; the counts from its log are
# for readers. scripts/test and .ci/run source this file, under `set -euo pipefail`.

stage_lines=()
stages_passed=0
stages_failed=0

# sum_of PATTERN FILE: the sum of the numbers before PATTERN in FILE.
sum_of() {
  { grep -oE "[0-9]+ $1\b" "$2" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# counted FORMAT FILE: "PASSED FAILED", the counts in the log FILE.
#   whole    no counts: the stage counts as one test
#   pytest   the sum of all summaries of pytest
#   closing  the last line "N passed, N failed"
counted() {
  local summary passed failed
  summary=$(mktemp)
  case $1 in
    whole) echo '1 0' ;;
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
      echo "stages: unknown format '$1' (allowed: whole, pytest, closing)" >&2
      return 2
      ;;
  esac
  rm -f "$summary"
}

# cpp_tests PRESET: runs the C++ tests of a preset that is built. Shows the output of the programs
# that failed; the last line has the number of cases.
cpp_tests() {
  local log=build/$1/Testing/Temporary/LastTest.log status=0
  ctest --preset "$1" || status=$?
  printf '%d passed, %d failed\n' "$(sum_of_cases PASSED "$log")" "$(sum_of_cases FAILED "$log")"
  return "$status"
}

# sum_of_cases RESULT LOG: the number of cases with RESULT (PASSED, FAILED), which GoogleTest printed.
sum_of_cases() {
  { grep -oE "^\[  $1  \] [0-9]+ tests?\b" "$2" || true; } | awk '{ sum += $4 } END { print sum + 0 }'
}

# stage NAME FORMAT COMMAND...: runs COMMAND, shows its output and adds its result to the totals.
# The stage passes only if COMMAND exits with status 0 and the counts show no failure. If FORMAT is
# not `whole`, the counts must also show at least one passed test. Call stage as a simple command:
# in a condition, bash ignores errexit inside COMMAND.
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
  # An incomplete log cannot show that the stage passed.
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

# required NAME FORMAT COMMAND...: runs a stage; if it fails, prints the totals and exits with 1.
required() {
  stage "$@"
  [[ $stage_failed -eq 0 ]] || { finish; exit 1; }
}

# finish: prints a line for each stage, and the totals on the last line. Call it as the script's
# last command: its status is 0 only if every stage passed.
finish() {
  printf '%s\n' "${stage_lines[@]}"
  printf '%d passed, %d failed\n' "$stages_passed" "$stages_failed"
  [[ $stages_failed -eq 0 && $stages_passed -gt 0 ]]
}
