# Sourced: named steps with their times, all of them run, failures remembered.
# shellcheck shell=bash

failed_phases=()
started_at=$SECONDS

# phase NAME COMMAND...: prints a header with the seconds since the start; returns the command's status.
phase() {
  local name=$1 began=$SECONDS status=0
  shift
  printf '\n==== [%5d s] %s\n' "$((SECONDS - started_at))" "$name"
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    printf '==== %s: ok, %d s\n' "$name" "$((SECONDS - began))"
  else
    failed_phases+=("$name")
    printf '==== %s: FAILED with status %d, %d s\n' "$name" "$status" "$((SECONDS - began))"
  fi
  return "$status"
}
