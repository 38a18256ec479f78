# shellcheck shell=bash
# Log files under the run directory: one per process, written by the kernel's O_APPEND, bounded by
# copying and truncating, so that no process need reopen anything.

readonly LOGS_KEPT=3

# say WORDS…: one line of the supervisor's own, to stderr and supervisor.log (which is stderr when
# started by `start`).
say() {
  local line
  printf -v line '%(%Y-%m-%dT%H:%M:%S%z)T supervisor: %s' -1 "$*"
  printf '%s\n' "$line" >&2
  if [[ $DAEMON == no ]]; then printf '%s\n' "$line" >>"$RUN_DIR/supervisor.log"; fi
}

# say_log_tail NAME: the last lines of its log, so that an error names its cause.
say_log_tail() {
  local line
  say "last lines of $RUN_DIR/$1.log:"
  while IFS= read -r line; do say "  | $line"; done < <(tail -n 15 "$RUN_DIR/$1.log" 2>/dev/null)
}

# rotate_log FILE: FILE.1 is the newest copy, FILE.3 the oldest.
rotate_log() {
  local file=$1 number
  for ((number = LOGS_KEPT; number > 1; number--)); do
    if [[ -f $file.$((number - 1)) ]]; then mv -f "$file.$((number - 1))" "$file.$number"; fi
  done
  cp -f -- "$file" "$file.1" && : >"$file"
}

# rotate_logs MIN_BYTES: rotates every log of at least that size.
rotate_logs() {
  local size file
  while read -r size file; do
    if ((size >= $1 && size > 0)); then rotate_log "$file"; fi
  done < <(stat -c '%s %n' "$RUN_DIR"/*.log ${STATS_FILE:+"$STATS_FILE"} 2>/dev/null)
}
