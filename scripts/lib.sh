# Sourced by the scripts that run the whole system: processes with logs, their health, and their end.
# Needs bash 3.2 or later. The caller sets `run_dir`; everything we start writes below it.
# shellcheck shell=bash disable=SC2034,SC2154

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target_dir=${CARGO_TARGET_DIR:-$root/target}
case $target_dir in /*) ;; *) target_dir=$root/$target_dir ;; esac
bin_dir=$target_dir/debug

names=() pids=()
with_death=(env)   # on Linux, what we start does not outlive us, even when we are killed
if setpriv --pdeathsig TERM true 2>/dev/null; then with_death=(setpriv --pdeathsig TERM --); fi

say() { echo "$(basename "$0"): $*" >&2; }
random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_base64() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }

# spawn NAME COMMAND...: its own process group, so that Ctrl-C reaches us alone and we stop things in order. Descriptor 7
# is the lease on the services; a child that held it would keep them alive.
spawn() {
  local name=$1; shift
  : >"$run_dir/logs/$name.log"
  set -m
  "${with_death[@]}" "$@" </dev/null >"$run_dir/logs/$name.log" 2>&1 7>&- &
  set +m
  names+=("$name") pids+=("$!")
}

is_running() { kill -0 "$1" 2>/dev/null; }

# fail_with NAME: what a process that should be running said last.
fail_with() {
  say "$1 stopped; the end of $run_dir/logs/$1.log:"
  tail -n 40 "$run_dir/logs/$1.log" | sed 's/^/    /' >&2
  exit 1
}

check_all() {
  local i
  if [ -n "${services_pid:-}" ] && ! is_running "$services_pid"; then say "PostgreSQL and Redis were stopped"; exit 1; fi
  for i in ${pids[@]+"${!pids[@]}"}; do is_running "${pids[$i]}" || fail_with "${names[$i]}"; done
}

# run_once NAME COMMAND...: a step that must succeed before the next.
run_once() {
  local name=$1; shift
  if ! "$@" </dev/null >"$run_dir/logs/$name.log" 2>&1; then fail_with "$name"; fi
}

# http_ok HOST:PORT PATH
http_ok() {
  local status=
  { exec 9<>"/dev/tcp/${1%:*}/${1##*:}"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&9
  IFS= read -r -t 5 status <&9 || true
  cat <&9 >/dev/null 2>&1 || true   # to the end, or the server sees a reset
  exec 9>&-
  case $status in HTTP/1.*\ 2*) return 0 ;; *) return 1 ;; esac
}

# await_http NAME HOST:PORT PATH
await_http() {
  local i
  for ((i = 0; i < 600; i++)); do
    http_ok "$2" "$3" && return 0
    check_all
    sleep 0.1
  done
  say "$1 does not answer at http://$2$3"
  fail_with "$1"
}

# await_line NAME PATTERN: prints what the pattern's group matched in the process's log.
await_line() {
  local i found
  for ((i = 0; i < 600; i++)); do
    found=$(sed -n "s|.*$2.*|\\1|p" "$run_dir/logs/$1.log" | head -n 1)
    if [ -n "$found" ]; then echo "$found"; return 0; fi
    check_all
    sleep 0.1
  done
  say "$1 did not get ready"
  fail_with "$1"
}

# Free at the moment of asking; below the ephemeral ranges, so that no outgoing connection takes it meanwhile.
free_address() {
  local port i
  for ((i = 0; i < 200; i++)); do
    port=$((10000 + (RANDOM * 32768 + RANDOM) % 10000))
    (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "127.0.0.1:$port"; return 0; }
  done
  say "no free port"; exit 1
}

# start_services OPTIONS...: exports the four addresses. Ends with us: the pipe closes.
start_services() {
  local tmp line i
  mkdir -p "$run_dir"
  tmp=$(mktemp -d)
  mkfifo "$tmp/in"
  : >"$tmp/out"; : >"$tmp/err"
  exec 7<>"$tmp/in"
  set -m
  "$root/scripts/services" run "$run_dir/services" "$@" <"$tmp/in" >"$tmp/out" 2>"$tmp/err" 7>&- &
  set +m
  services_pid=$!
  for ((i = 0; i < 1200; i++)); do
    grep -q '^READY$' "$tmp/out" && break
    if ! is_running "$services_pid"; then cat "$tmp/err" >&2; rm -rf "$tmp"; exit 1; fi
    sleep 0.05
  done
  cat "$tmp/err" >&2
  while IFS= read -r line; do
    case $line in *_URL=*) export "${line?}" ;; esac
  done <"$tmp/out"
  rm -rf "$tmp" "$run_dir/logs"
  mkdir -p "$run_dir/logs"
}

# The whole group: what a process started goes with it.
stop_one() {
  local i
  kill -TERM -- "-$1" 2>/dev/null || true
  for ((i = 0; i < 200; i++)); do is_running "$1" || break; sleep 0.1; done
  kill -KILL -- "-$1" 2>/dev/null || true
}

# Last started, first stopped. Safe to call twice.
stop_all() {
  trap '' INT TERM HUP
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do stop_one "${pids[$i]}"; done
  names=() pids=()
  { exec 7>&-; } 2>/dev/null || true
  [ -z "${services_pid:-}" ] || wait "$services_pid" 2>/dev/null || true
  services_pid=
}

# What every salon-core process of a private system needs; the addresses are free ports.
export_settings() {
  SALON_GRAPHQL_ADDR=$(free_address) SALON_INGRESS_ADDR=$(free_address)
  SALON_OPS_ADDR=$(free_address) SALON_WORKERS_OPS_ADDR=$(free_address)
  SALON_KEYRING="local:$(random_base64 32)"
  SALON_ROUTER_SECRET=$(random_hex 24)
  export SALON_ENV=development STRICT_TENANT_CONFIG=true STRICT_WEBHOOK_SIGNATURE=true
  export SALON_GRAPHQL_ADDR SALON_INGRESS_ADDR SALON_OPS_ADDR SALON_WORKERS_OPS_ADDR SALON_KEYRING SALON_ROUTER_SECRET
  export SALON_PUBLIC_URL="http://$SALON_INGRESS_ADDR"
}
