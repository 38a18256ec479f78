# shellcheck shell=bash
# The supervisor's process table. A name is a slot ("broker", "worker-0", "l2") or, in a reload, a
# slot's successor ("worker-0.new") or predecessor ("worker-0.old"). All of it belongs to the one
# supervising shell; other commands read it from the state file.
#
# States: starting (runs, not ready yet), running, waiting (dead, restart is due later), failed (dead
# and not tried again before a reload, since it refused its settings), draining (was told to end).

declare -A NOTE=()  # What status says beside the state.
declare -A PID=() START=() STATE=() SINCE_MS=() DUE_MS=() RESTARTS=() STREAK=() DEATHS=()
SLOTS=()        # In the order of start and of status.
STATE_DIRTY=no  # The state file is written once per turn of the loop.
STATE_TEXT=''   # What it should hold.

# set_state NAME STATE
set_state() {
  STATE[$1]=$2
  STATE_DIRTY=yes
}

# slot_of NAME: sets SLOT to the slot a successor or predecessor belongs to.
slot_of() {
  SLOT=${1%.new}
  SLOT=${SLOT%.old}
}

# command_of NAME: sets COMMAND to what runs in that slot.
command_of() {
  local own_log
  case $1 in
    broker)
      COMMAND=("$BROKER_BINARY" "${BROKER_FLAGS[@]}")
      own_log=$BROKER_LOG
      ;;
    worker-*)
      COMMAND=("$WORKER_BINARY" --index "${1#worker-}" "${WORKER_FLAGS[@]}")
      own_log=$WORKER_LOG
      ;;
    l2)
      url_of "${L2_LISTEN[0]}"
      COMMAND=("$L2_BINARY" serve --l1 "$DIAL_URL" --store "$L2_STORE" "${L2_ARGS[@]}")
      own_log=$L2_LOG
      ;;
  esac
  if [[ -z $own_log ]]; then COMMAND+=(--log-file "$LOG_DIR/$1.log"); fi
}

# spawn NAME: starts what belongs to NAME. It gets a session of its own (a Ctrl-C at the terminal is
# for the supervisor alone), no descriptor beyond the standard three, no way to more rights than it
# is given, and SIGTERM should the supervisor die without having stopped it. An L2 opens no port. What
# it says before it has opened its log stands there too; on stdout, which no rotation would reopen,
# nothing is said.
spawn() {
  local name=$1 rights=(--no-new-privs)
  slot_of "$name"
  command_of "$SLOT"
  if [[ $SLOT == l2 ]]; then rights+=(--inh-caps=-all --ambient-caps=-all); fi
  (
    trap '' USR1  # Until the program can do something about it, a rotation must not end it.
    close_descriptors
    exec setsid setpriv --pdeathsig TERM "${rights[@]}" -- "${COMMAND[@]}" \
      </dev/null >/dev/null 2>>"$LOG_DIR/$SLOT.log"
  ) &
  PID[$name]=$!
  if proc_stat "${PID[$name]}"; then START[$name]=$PROC_START; else START[$name]=0; fi
  now_ms
  SINCE_MS[$name]=$NOW
  NOTE[$name]=''
  set_state "$name" starting
  if [[ $name == "$SLOT" ]]; then write_pid_file "$SLOT"; fi
}

write_pid_file() { keep_file "$1.pid" "${PID[$1]}"; }

# alive NAME: does the process in NAME run?
alive() { [[ -n ${PID[$1]:-} ]] && own_child "${PID[$1]}" "${START[$1]}"; }

# send SIGNAL NAME: to our own child only, never to a number that somebody else has by now.
send() { if alive "$2"; then kill -s "$1" "${PID[$2]}" 2>/dev/null; fi; }

# exit_text NAME: reaps a dead process and sets EXIT_TEXT to how it ended, EXIT_CODE to the shell's
# number for that.
exit_text() {
  local status signal
  wait "${PID[$1]}" 2>/dev/null
  status=$?
  EXIT_CODE=$status
  if ((status > 128)); then
    signal=$((status - 128))
    if capture kill -l "$signal" 2>/dev/null; then signal=$CAPTURED; fi
    EXIT_TEXT="killed by SIG$signal"
  else
    EXIT_TEXT="exit status $status"
  fi
}

# move FROM TO: the process in FROM is from now on the one in TO.
move() {
  PID[$2]=${PID[$1]}
  START[$2]=${START[$1]}
  SINCE_MS[$2]=${SINCE_MS[$1]}
  set_state "$2" "${STATE[$1]}"
  forget "$1"
}

# forget NAME: its process is gone for good.
forget() {
  unset "PID[$1]" "START[$1]" "SINCE_MS[$1]" "STATE[$1]"
  STATE_DIRTY=yes
}

# ready NAME: does the process in NAME serve?
ready() {
  case $1 in
    broker) http_get "$ADMIN_LISTEN" /readyz && ((HTTP_STATUS == 200)) ;;
    worker-*) listening "$LISTEN_PORT" "${PID[$1]}" ;;
    l2) alive "$1" ;;
  esac
}

# write_state: the state file. Its last line says that it is whole.
write_state() {
  local name line
  printf -v STATE_TEXT 'boot %s\nsupervisor %s %s\nphase %s\ndrain_seconds %s\n' \
    "$BOOT_ID" "$$" "$SUPERVISOR_START" "$PHASE" "$DRAIN_SECONDS"
  for name in "${SLOTS[@]}" "${SLOTS[@]/%/.old}" "${SLOTS[@]/%/.new}"; do
    if [[ -z ${STATE[$name]:-} ]]; then continue; fi
    printf -v line 'process %s %s %s %s %s %s %s\n' "$name" "${PID[$name]}" "${START[$name]}" \
      "${RESTARTS[$name]:-0}" "${STATE[$name]}" "${SINCE_MS[$name]}" "${NOTE[$name]:-}"
    STATE_TEXT+=$line
  done
  STATE_TEXT+=end
  STATE_DIRTY=no
  keep_file state "$STATE_TEXT"
}

# repair_files: writes again what somebody damaged or removed.
repair_files() {
  local name text=''
  { IFS= read -r -d '' text <"$RUN_DIR/state"; } 2>/dev/null
  if [[ $text != "$STATE_TEXT"$'\n' ]]; then keep_file state "$STATE_TEXT"; fi
  for name in supervisor "${!PID[@]}"; do
    if [[ $name == *.old || $name == *.new ]]; then continue; fi
    text=''
    { read -r text <"$RUN_DIR/$name.pid"; } 2>/dev/null
    if [[ $text != "${PID[$name]:-$$}" ]]; then keep_file "$name.pid" "${PID[$name]:-$$}"; fi
  done
}
