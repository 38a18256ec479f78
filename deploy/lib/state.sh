# shellcheck shell=bash
# shellcheck disable=SC2034  # Results are variables that the callers read.
# What commands other than the supervisor know of it: the state file, believed only where the kernel
# agrees (same boot, same pid, same start time).

# read_state: sets SEEN_PID, SEEN_START (the supervisor), SEEN_PHASE, SEEN_DRAIN_SECONDS, and
# SEEN_PROCESSES: "name pid start restarts state since_ms" each. False without a state of this boot.
read_state() {
  local key rest boot boot_now
  SEEN_PID='' SEEN_START='' SEEN_PHASE='' SEEN_DRAIN_SECONDS=30 SEEN_PROCESSES=()
  [[ -f $RUN_DIR/state ]] || return 1
  while read -r key rest; do
    case $key in
      boot) boot=$rest ;;
      supervisor) read -r SEEN_PID SEEN_START <<<"$rest" ;;
      phase) SEEN_PHASE=$rest ;;
      drain_seconds) SEEN_DRAIN_SECONDS=$rest ;;
      process) SEEN_PROCESSES+=("$rest") ;;
    esac
  done <"$RUN_DIR/state" 2>/dev/null
  read -r boot_now </proc/sys/kernel/random/boot_id
  [[ ${boot:-} == "$boot_now" ]]
}

# supervised: is there a living supervisor of this run directory?
supervised() { read_state && same_process "$SEEN_PID" "$SEEN_START"; }

# leftovers: sets LEFTOVERS ("pid start name" each) to living processes that a supervisor, dead by
# now, had started. False when there are none.
leftovers() {
  local line name pid start
  LEFTOVERS=()
  read_state || return 1
  for line in "${SEEN_PROCESSES[@]}"; do
    read -r name pid start _ <<<"$line"
    if same_process "$pid" "$start"; then LEFTOVERS+=("$pid $start $name"); fi
  done
  ((${#LEFTOVERS[@]} > 0))
}

# signal_leftovers SIGNAL
signal_leftovers() {
  local line pid start
  for line in "${LEFTOVERS[@]}"; do
    read -r pid start _ <<<"$line"
    if same_process "$pid" "$start"; then kill -s "$1" "$pid" 2>/dev/null; fi
  done
}

# duration MILLISECONDS: sets DURATION to [DAYSd]HH:MM:SS.
duration() {
  local seconds=$(($1 / 1000)) days=''
  if ((seconds >= 86400)); then days="$((seconds / 86400))d"; fi
  printf -v DURATION '%s%02d:%02d:%02d' "$days" $((seconds / 3600 % 24)) $((seconds / 60 % 60)) \
    $((seconds % 60))
}
