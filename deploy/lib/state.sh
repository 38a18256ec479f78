# shellcheck shell=bash
# shellcheck disable=SC2034  # Results are variables that the callers read.
# What commands other than the supervisor know of it: the state file, believed only where the kernel
# agrees (same boot, same pid, same start time); and where that file is bad, the kernel's word alone:
# the lock that the supervisor holds.

readonly LOCK_IS_HELD=75    # Exit status that flock is to give.
readonly CLOCK_TICKS=100    # A second's, in /proc (USER_HZ).

# read_state: sets SEEN_PID, SEEN_START (the supervisor), SEEN_PHASE, SEEN_DRAIN_SECONDS, and
# SEEN_PROCESSES: "name pid start restarts state since_ms note" each. False without a whole state of this
# boot.
read_state() {
  local key rest boot boot_now whole=no
  SEEN_PID='' SEEN_START='' SEEN_PHASE='' SEEN_DRAIN_SECONDS=30 SEEN_PROCESSES=()
  [[ -f $RUN_DIR/state ]] || return 1
  while read -r key rest; do
    case $key in
      boot) boot=$rest ;;
      supervisor) read -r SEEN_PID SEEN_START <<<"$rest" ;;
      phase) SEEN_PHASE=$rest ;;
      drain_seconds) SEEN_DRAIN_SECONDS=$rest ;;
      process) SEEN_PROCESSES+=("$rest") ;;
      end) whole=yes ;;
    esac
  done <"$RUN_DIR/state" 2>/dev/null
  read -r boot_now </proc/sys/kernel/random/boot_id
  [[ ${boot:-} == "$boot_now" && $whole == yes ]]
}

# supervised: is there a living supervisor of this run directory? Where the state file does not tell,
# a held lock does; SEEN_PHASE is "unknown" then, and SEEN_PROCESSES what the pid files name.
supervised() {
  if read_state && same_process "$SEEN_PID" "$SEEN_START"; then return; fi
  lock_holder || return 1
  SEEN_PHASE=unknown SEEN_PROCESSES=()
  read_pid_files
}

# lock_holder: sets SEEN_PID and SEEN_START to the process that holds the run directory's lock; false
# when it is free. Who that is, the kernel tells in fdinfo; children that have not become another
# program yet hold it too.
lock_holder() {
  local link pid
  local -A holders=()
  [[ -f $RUN_DIR/lock ]] || return 1
  flock -n -s -E "$LOCK_IS_HELD" "$RUN_DIR/lock" true 2>/dev/null
  [[ $? == "$LOCK_IS_HELD" ]] || return 1
  for link in /proc/[0-9]*/fd/*; do
    if [[ $link -ef $RUN_DIR/lock ]] &&
      grep -q '^lock:.*FLOCK' "${link/\/fd\//\/fdinfo\/}" 2>/dev/null; then
      pid=${link#/proc/}
      pid=${pid%%/*}
      if proc_stat "$pid"; then holders[$pid]=$PROC_PPID; fi
    fi
  done
  for pid in "${!holders[@]}"; do
    if [[ -z ${holders[${holders[$pid]}]:-} ]] && proc_stat "$pid"; then
      SEEN_PID=$pid SEEN_START=$PROC_START
      return
    fi
  done
  return 1
}

# read_pid_files: SEEN_PROCESSES of the pid files that name children of SEEN_PID.
read_pid_files() {
  local file pid since
  for file in "$RUN_DIR"/*.pid; do
    pid=''
    { read -r pid <"$file"; } 2>/dev/null
    if proc_stat "${pid:-0}" && [[ $PROC_PPID == "$SEEN_PID" ]]; then
      since=$((PROC_START * 1000 / CLOCK_TICKS))
      file=${file##*/}
      SEEN_PROCESSES+=("${file%.pid} $pid $PROC_START ? unknown $since")
    fi
  done
}

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
