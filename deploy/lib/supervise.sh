# shellcheck shell=bash
# The supervisor itself: starts the slots, restarts what dies, ends them in order. One shell, one
# loop; several turns a second react to what signals, commands and the kernel have left to do.

readonly TURN_SECONDS=0.25 START_TURN_SECONDS=0.1
readonly REAP_ALL_EVERY_MS=5000
readonly ROTATE_EVERY_MS=10000
# The empty block, whose CID holds it: any worker has it, and it is no client's error.
readonly PROBE_PATH='/ipfs/bafkqaaa?format=raw'
readonly BROKER_STOP_SECONDS=5    # It has nothing to drain when the workers are gone.
readonly KILL_WAIT_SECONDS=5
readonly LEFTOVER_WAIT_SECONDS=10
readonly CONTROL_BYTES_MAX=4096   # Of one turn; and what is kept of one command.
readonly CONTROL_BYTE_SECONDS=5   # A NUL byte makes bash wait for the one behind it.

LOCK_FD='' CONTROL_FD='' CONTROL_TEXT='' SILENT_FD='' BOOT_ID='' SUPERVISOR_START=''
PHASE=starting  # starting, ready, stopping
STOPS_ASKED=0   # The second request cuts the drain short.
EXIT_STATUS=0
CHILD_EXITED=no HUP_ASKED=no ROTATE_ASKED=no
LAST_TURN_MS=0 REAPED_ALL_MS=0 ROTATED_MS=0 READY_BY_MS=0

# supervise: runs until told to stop; sets EXIT_STATUS.
supervise() {
  # find ends with an error where it may not come back to; the folder root stood in may be such one.
  [[ -x . ]] || cd /
  take_run_dir
  take_log_dir
  keep_file log-dir "$LOG_DIR"
  trap 'STOPS_ASKED=$((STOPS_ASKED + 1))' TERM INT
  trap 'HUP_ASKED=yes' HUP
  trap 'ROTATE_ASKED=yes' USR1
  trap 'CHILD_EXITED=yes' CHLD
  trap ':' PIPE
  await_leftovers
  if [[ $STATS_FILE == "$RUN_DIR/stats.ndjson" ]]; then : >"$STATS_FILE"; fi
  start_all
  while ((STOPS_ASKED == 0)); do
    turn
    next_command
  done
  stop_all
  rm -f "$RUN_DIR/control" "$RUN_DIR/state" "$RUN_DIR"/*.pid "$RUN_DIR/reload.result" \
    "$RUN_DIR"/*.next
  say "stopped"
}

# take_run_dir: makes the lock, the command pipe and the supervisor's pid file.
take_run_dir() {
  exec {LOCK_FD}>>"$RUN_DIR/lock" || fail "cannot write in $RUN_DIR"
  # A moment's patience: a `status` may be looking whether somebody holds it.
  flock -w 1 "$LOCK_FD" || refuse_second
  rm -f "$RUN_DIR/control" "$RUN_DIR/silent"
  mkfifo -m 600 "$RUN_DIR/control" "$RUN_DIR/silent" || fail "cannot make a pipe in $RUN_DIR"
  exec {CONTROL_FD}<>"$RUN_DIR/control" {SILENT_FD}<>"$RUN_DIR/silent"
  rm -f "$RUN_DIR/silent"
  read -r BOOT_ID </proc/sys/kernel/random/boot_id
  proc_stat "$$"
  SUPERVISOR_START=$PROC_START
  replace_file "$RUN_DIR/supervisor.pid" "$$" ||
    fail "cannot write in $RUN_DIR (is the disk full?)"
}

# await_leftovers: a supervisor that was killed leaves processes that are on their way out.
await_leftovers() {
  local deadline pids
  now_ms
  deadline=$((NOW + LEFTOVER_WAIT_SECONDS * 1000))
  while leftovers; do
    now_ms
    if ((NOW >= deadline || STOPS_ASKED > 0)); then
      pids=${LEFTOVERS[*]%% *}
      fail "processes of an earlier supervisor still run (pid $pids):" \
        "wait for their drain, or end them with '$PROGRAM stop --run-dir $RUN_DIR'"
    fi
    next_command
  done
}

start_all() {
  local index
  SLOTS=(broker)
  for ((index = 0; index < WORKERS; index++)); do SLOTS+=("worker-$index"); done
  if [[ -n $L2_STORE ]]; then SLOTS+=(l2); fi
  now_ms
  LAST_TURN_MS=$NOW
  ROTATED_MS=$NOW
  READY_BY_MS=$((NOW + START_SECONDS * 1000))
  for index in "${SLOTS[@]}"; do spawn "$index"; done
  write_state
  say "started broker and $WORKERS workers"
}

# pause SECONDS, or until a signal. Nothing ever comes out of the pipe that is waited at: where bash's
# `read -t` ends just as a byte comes, that byte is lost.
pause() { read -r -t "$1" -u "$SILENT_FD"; }

# next_command: waits a moment, then takes one command of another `daphnis`, if there is one. What has
# come may be the first part of a line, whose rest is taken in a later turn.
next_command() {
  local byte count
  if [[ $PHASE == starting ]]; then pause "$START_TURN_SECONDS"; else pause "$TURN_SECONDS"; fi
  for ((count = 0; count < CONTROL_BYTES_MAX; count++)); do
    if ! read -t 0 -u "$CONTROL_FD"; then return; fi
    IFS= read -r -N 1 -t "$CONTROL_BYTE_SECONDS" -u "$CONTROL_FD" byte || return
    if [[ $byte == $'\n' ]]; then
      take_command
      return
    fi
    if ((${#CONTROL_TEXT} < CONTROL_BYTES_MAX)); then CONTROL_TEXT+=$byte; fi
  done
}

take_command() {
  local verb id argument
  read -r verb id argument <<<"$CONTROL_TEXT"
  CONTROL_TEXT=''
  if [[ $verb == reload && $PHASE == ready ]]; then reload_begin "$id" "$argument"; fi
}

turn() {
  now_ms
  reap
  restart_due
  note_readiness
  if [[ $HUP_ASKED == yes ]]; then
    HUP_ASKED=no
    reload_begin signal
  fi
  reload_turn
  if ((STOPS_ASKED == 0)); then watch; fi
  if ((${#UNWRITTEN[@]} > 0)); then write_again; fi
  if [[ $STATE_DIRTY == yes ]]; then write_state; fi
  if [[ $ROTATE_ASKED == yes ]]; then
    ROTATE_ASKED=no
    rotate_logs all
  elif ((NOW - ROTATED_MS >= ROTATE_EVERY_MS)); then
    ROTATED_MS=$NOW
    rotate_logs
  elif ((${#ROTATE_DUE[@]} > 0)); then
    rotate_due
  fi
  LAST_TURN_MS=$NOW
}

# reap: notices deaths. The kernel's word (SIGCHLD) is enough; the full look is a safeguard.
reap() {
  local name
  if [[ $CHILD_EXITED == no ]] && ((NOW - REAPED_ALL_MS < REAP_ALL_EVERY_MS)); then return; fi
  CHILD_EXITED=no
  REAPED_ALL_MS=$NOW
  repair_files
  for name in "${!PID[@]}"; do
    if [[ ${STATE[$name]} != waiting && ${STATE[$name]} != failed ]] && ! alive "$name"; then on_death "$name"; fi
  done
}

# give_up STATUS: ends the loop; what runs is stopped in order.
give_up() {
  EXIT_STATUS=$1
  STOPS_ASKED=1
}

# note_readiness: starting → running for what serves by now, and the first readiness of the whole.
note_readiness() {
  local name late=()
  for name in "${SLOTS[@]}"; do
    if [[ ${STATE[$name]} == starting ]] && ready "$name"; then
      set_state "$name" running
      heard "$name"
    fi
    if [[ ${STATE[$name]} != running ]]; then late+=("$name"); fi
  done
  if [[ $PHASE != starting ]] || ((STOPS_ASKED > 0)); then return; fi
  if ((${#late[@]} == 0)) && http_get "$LISTEN" "$PROBE_PATH"; then
    PHASE=ready
    STATE_DIRTY=yes
    say "ready: clients at $LISTEN, L2s at ${L2_LISTEN[*]}, admin at $ADMIN_LISTEN"
  elif ((NOW >= READY_BY_MS)); then
    if ((${#late[@]} == 0)); then
      say "the workers listen on $LISTEN but did not answer HTTP within $START_SECONDS s"
      late=(worker-0)
    else
      say "not ready within $START_SECONDS s: ${late[*]}"
    fi
    say_log_tail "${late[0]}"
    give_up "$EXIT_FAILURE"
  fi
}

# stop_all: workers drain, then the L2 they may be reading from, then the broker; what is left is
# killed.
stop_all() {
  local name workers=() rest=()
  PHASE=stopping
  for name in "${!PID[@]}"; do
    if alive "$name"; then set_state "$name" draining; else forget "$name"; fi
  done
  write_state
  for name in "${!PID[@]}"; do
    if [[ $name == worker-* ]]; then workers+=("$name"); fi
  done
  say "stopping: workers drain, at most $DRAIN_SECONDS s"
  end_all TERM "$DRAIN_SECONDS" "${workers[@]}"
  end_all TERM "$BROKER_STOP_SECONDS" l2
  end_all TERM "$BROKER_STOP_SECONDS" broker
  for name in "${!PID[@]}"; do
    if alive "$name"; then rest+=("$name"); fi
  done
  if ((${#rest[@]} > 0)); then
    say "did not end in time, killing: ${rest[*]}"
    end_all KILL "$KILL_WAIT_SECONDS" "${rest[@]}"
  fi
}

# end_all SIGNAL SECONDS NAMES…: signals them and waits until none is left, the time is over, or
# (when they were asked, not killed) somebody asks us a second time.
end_all() {
  local signal=$1 deadline name left
  now_ms
  deadline=$((NOW + $2 * 1000))
  shift 2
  for name in "$@"; do send "$signal" "$name"; done
  while :; do
    left=0
    for name in "$@"; do
      if alive "$name"; then left=$((left + 1)); fi
    done
    now_ms
    if ((left == 0 || NOW >= deadline)); then break; fi
    if [[ $signal != KILL ]] && ((STOPS_ASKED > 1)); then break; fi
    pause 0.05
  done
  for name in "$@"; do
    if [[ -n ${PID[$name]:-} ]] && ! alive "$name"; then exit_text "$name"; fi
  done
}
