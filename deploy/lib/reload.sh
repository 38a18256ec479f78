# shellcheck shell=bash
# Rolling the workers one by one: the successor starts beside its predecessor on the same port, and
# only when it listens is the predecessor told to drain. One step per turn, so that supervision goes
# on.

RELOAD_ID=       # The request under way; empty when none is.
RELOAD_QUEUE=()  # Slots still to roll; the first is being rolled while RELOAD_STEP is not idle.
RELOAD_STEP=idle # idle, starting (the .new), draining (the .old)
RELOAD_BROKER=no
RELOAD_DUE_MS=0

# reload_begin ID [broker]
reload_begin() {
  local name
  if [[ -n $RELOAD_ID ]]; then
    reload_result "$1" "failed: another reload is under way"
    return
  fi
  if ! check_programs; then
    say "reload: $REFUSED"
    reload_result "$1" "failed, nothing was changed: ${REFUSED//$'\n'/ }"
    return
  fi
  retry_dead
  RELOAD_ID=$1
  RELOAD_BROKER=${2:-no}
  RELOAD_QUEUE=()
  for name in "${SLOTS[@]}"; do
    if [[ $name == worker-* ]]; then RELOAD_QUEUE+=("$name"); fi
  done
  say "reload: replacing ${#RELOAD_QUEUE[@]} workers"
}

# reload_result ID TEXT: for the command that asked.
reload_result() { keep_file reload.result "$1 $2"; }

reload_end() {
  say "reload: $1"
  reload_result "$RELOAD_ID" "$1"
  RELOAD_ID='' RELOAD_STEP=idle RELOAD_QUEUE=()
}

# reload_turn: called every turn.
reload_turn() {
  local name
  if [[ -z $RELOAD_ID ]]; then return; fi
  if ((${#RELOAD_QUEUE[@]} == 0)); then
    if [[ $RELOAD_BROKER == broker ]]; then
      say "reload: SIGHUP to the broker"
      send HUP broker
    fi
    reload_end ok
    return
  fi
  name=${RELOAD_QUEUE[0]}
  case $RELOAD_STEP in
    idle) reload_start_successor "$name" ;;
    starting) reload_await_successor "$name" ;;
    draining) reload_await_drain "$name" ;;
  esac
}

reload_start_successor() {
  if [[ ${STATE[$1]} == waiting ]]; then  # Its restart brings the new program anyway.
    RELOAD_QUEUE=("${RELOAD_QUEUE[@]:1}")
    return
  fi
  spawn "$1.new"
  RELOAD_DUE_MS=$((NOW + START_SECONDS * 1000))
  RELOAD_STEP=starting
}

# The successor's death is noticed by reap and ends in reload_lost_successor.
reload_await_successor() {
  local name=$1
  if ! ready "$name.new"; then
    if ((NOW >= RELOAD_DUE_MS)); then
      say "reload: the new $name did not listen on $LISTEN within $START_SECONDS s"
      send KILL "$name.new"
    fi
    return
  fi
  if alive "$name"; then
    move "$name" "$name.old"
    set_state "$name.old" draining
    send TERM "$name.old"
  fi
  move "$name.new" "$name"
  set_state "$name" running
  write_pid_file "$name"
  heard "$name"
  STREAK[$name]=0 DEATHS[$name]=
  RELOAD_DUE_MS=$((NOW + DRAIN_SECONDS * 1000))
  RELOAD_STEP=draining
}

reload_await_drain() {
  if [[ -z ${PID[$1.old]:-} ]]; then
    RELOAD_QUEUE=("${RELOAD_QUEUE[@]:1}")
    RELOAD_STEP=idle
  elif ((NOW >= RELOAD_DUE_MS)); then
    say "reload: the old $1 did not drain within $DRAIN_SECONDS s: killing it"
    send KILL "$1.old"
  fi
}

# reload_lost_successor NAME.new: the old worker stays, and so do the workers not yet rolled.
reload_lost_successor() {
  slot_of "$1"
  say_log_tail "$SLOT"
  reload_end "failed: the new $SLOT ended ($EXIT_TEXT); the workers not yet replaced stay"
}
