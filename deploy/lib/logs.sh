# shellcheck shell=bash
# Log files under the log directory: one per process, which opens it itself (--log-file); what it
# says before that comes by its stderr. They are rotated by renaming, and SIGUSR1 has who writes
# there open the next file: no line is lost, and it works on a full disk as well.

readonly LOGS_KEPT=3
readonly FREE_BYTES_MIN=$((16 << 20))     # A disk with less room than that counts as full.
readonly ROTATE_FULL_BYTES=$((1 << 20))   # Of a full disk, a log must hold that much to be rotated.

LOG_LOCK_FD=''
BROKER_LINES=()  # By resolve_settings: the broker's files of statistics and attempts.
LOG_FILES=()     # By our_logs: what is written to.
ROTATE_DUE=()    # To be renamed as soon as all who write there can be told.

# say WORDS…: one line of the supervisor's own, to stderr and supervisor.log (which is stderr when
# started by `start`).
say() {
  local line
  printf -v line '%(%Y-%m-%dT%H:%M:%S%z)T supervisor: %s' -1 "$*"
  printf '%s\n' "$line" >&2
  if [[ $DAEMON == no ]]; then printf '%s\n' "$line" >>"$LOG_DIR/supervisor.log"; fi
}

# say_log_tail NAME: the last lines of its log, so that an error names its cause.
say_log_tail() {
  local line path own=''
  case $1 in
    broker) own=$BROKER_LOG ;;
    worker-*) own=$WORKER_LOG ;;
    l2) own=$L2_LOG ;;
  esac
  for path in "$LOG_DIR/$1.log" ${own:+"$own"}; do
    say "last lines of $path:"
    tail -n 15 -- "$path" 2>/dev/null | while IFS= read -r line; do say "  | $line"; done
  done
}

# default_log_dir: for who starts an edge.
default_log_dir() {
  if [[ -n $LOG_DIR ]]; then return; fi
  if [[ $EUID == 0 ]]; then LOG_DIR=/var/log/daphnis; else LOG_DIR=$RUN_DIR/log; fi
}

# find_log_dir: for who did not start it; the run folder tells, also when it was stopped.
find_log_dir() {
  if [[ -z $LOG_DIR ]]; then { read -r LOG_DIR <"$RUN_DIR/log-dir"; } 2>/dev/null; fi
  default_log_dir
}

# command_logs: the verb.
command_logs() {
  local files options=(-n 50)
  find_log_dir
  files=("$LOG_DIR"/*.log)
  if [[ -n $LOG_NAME ]]; then files=("$LOG_DIR/$LOG_NAME.log"); fi
  [[ -f ${files[0]} ]] || fail "no such log: ${files[0]}"
  if [[ $FOLLOW == yes ]]; then options+=(-F); fi
  exec tail "${options[@]}" -- "${files[@]}"
}

# take_log_dir: two edges in one folder would rename each other's files.
take_log_dir() {
  exec {LOG_LOCK_FD}>>"$LOG_DIR/log.lock" || fail "cannot write in $LOG_DIR"
  flock -w 1 "$LOG_LOCK_FD" || fail "another edge logs to $LOG_DIR: choose another --log-dir"
}

# our_logs: sets LOG_FILES to the logs and the broker's files of lines, as far as they are there.
our_logs() {
  local path name
  LOG_FILES=()
  for path in "$LOG_DIR"/*.log; do
    name=${path##*/}
    if [[ -f $path && ${name%.log} =~ ^(broker|worker-[0-9]+|l2|supervisor)$ ]]; then
      LOG_FILES+=("$path")
    fi
  done
  for path in "${BROKER_LINES[@]}"; do
    if [[ -f $path ]]; then LOG_FILES+=("$path"); fi
  done
}

# catches_usr1 PID: has it got so far that the signal does not end it? While it still is this shell,
# on its way to another program, it only seems to catch what we do.
catches_usr1() {
  local key value
  if [[ /proc/$1/exe -ef /proc/$$/exe ]]; then return 1; fi
  while read -r key value; do
    if [[ $key == SigCgt: ]]; then
      (((16#${value: -3} & 16#200) != 0))  # Signal 10 is bit 9.
      return
    fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}

# writers_of PATH: sets WRITERS to the names of all living processes that write there.
writers_of() {
  local slot=${1##*/} name path
  slot=${slot%.log}
  for path in "${BROKER_LINES[@]}"; do
    if [[ $1 == "$path" ]]; then slot=broker; fi
  done
  WRITERS=()
  for name in "$slot" "$slot.old" "$slot.new"; do
    if alive "$name"; then WRITERS+=("$name"); fi
  done
}

# rename_log FILE: FILE.1 is the newest of the old ones, FILE.3 the oldest.
rename_log() {
  local number
  for ((number = LOGS_KEPT; number > 1; number--)); do
    if [[ -f $1.$((number - 1)) ]]; then mv -f -- "$1.$((number - 1))" "$1.$number"; fi
  done
  mv -f -- "$1" "$1.1"
}

# reopen_own_log: what `start` has opened for the supervisor goes on in the file of that name. Where
# it cannot be opened, in the old one.
reopen_own_log() {
  local fd
  if [[ $DAEMON == no ]]; then return; fi
  { exec {fd}>>"$LOG_DIR/supervisor.log"; } 2>/dev/null || return
  exec >&"$fd" 2>&1 {fd}>&-
}

# rotate_due: renames what is due. A file waits while somebody who writes there has not got so far
# that he can be told: he would go on in the old one.
rotate_due() {
  local path name left=()
  for path in "${ROTATE_DUE[@]}"; do
    writers_of "$path"
    for name in "${WRITERS[@]}"; do
      if ! catches_usr1 "${PID[$name]}"; then
        left+=("$path")
        continue 2
      fi
    done
    if [[ ! -s $path ]] || ! rename_log "$path"; then continue; fi
    for name in "${WRITERS[@]}"; do send USR1 "$name"; done
    if [[ $path == "$LOG_DIR/supervisor.log" ]]; then reopen_own_log; fi
  done
  ROTATE_DUE=("${left[@]}")
}

# disk_full FOLDER: is there hardly any room where it lies?
disk_full() {
  local blocks block_bytes
  capture stat -f -c '%a %S' -- "$1" 2>/dev/null || return 1
  read -r blocks block_bytes <<<"$CAPTURED"
  ((blocks * block_bytes < FREE_BYTES_MIN))
}

# rotate_logs [all]: rotates what is large enough, or all; then sees to the bound of all together.
rotate_logs() {
  local path size limit
  our_logs
  limit=$((LOG_TOTAL_BYTES / (2 * (${#LOG_FILES[@]} + 1))))  # One half is for the old ones.
  if ((LOG_BYTES < limit)); then limit=$LOG_BYTES; fi
  if [[ ${1:-} == all ]]; then limit=1; fi
  stat -c '%s %n' -- "${LOG_FILES[@]}" 2>/dev/null | while read -r size path; do
    if ((size == 0)) || [[ " ${ROTATE_DUE[*]} " == *" $path "* ]]; then continue; fi
    # With no old ones left to remove, the log itself becomes one.
    if ((size >= limit)) ||
      { ((size >= ROTATE_FULL_BYTES)) && [[ ! -f $path.1 ]] && disk_full "${path%/*}"; }; then
      ROTATE_DUE+=("$path")
    fi
  done
  rotate_due
  bound_logs
}

# bound_logs: while all together are over --log-total-bytes, or the disk is full, the oldest of the
# old ones is removed. What is being written to stays.
bound_logs() {
  local path size number lines total=0 rotated=()
  our_logs
  # Those of a log that is not there at this moment, too.
  for path in "$LOG_DIR"/*.log.[1-9]; do
    number=${path##*/}
    number=${number%.log.[1-9]}
    if [[ -f $path && $number =~ ^(broker|worker-[0-9]+|l2|supervisor)$ ]]; then
      rotated+=("$path")
    fi
  done
  for lines in "${BROKER_LINES[@]}"; do
    for path in "$lines".[1-9]; do
      if [[ -f $path ]]; then rotated+=("$path"); fi
    done
  done
  if ((${#rotated[@]} == 0)); then return; fi
  stat -c %s -- "${LOG_FILES[@]}" "${rotated[@]}" 2>/dev/null |
    while read -r size; do total=$((total + size)); done
  stat -c '%Y %s %n' -- "${rotated[@]}" 2>/dev/null | sort -k1,1n -k3,3r |
    while read -r _ size path; do
      if ((total > LOG_TOTAL_BYTES)) || disk_full "${path%/*}"; then
        rm -f -- "$path" && total=$((total - size))
      fi
    done
}
