# shellcheck shell=bash
# The small files in the run folder by which the supervisor and its commands tell each other
# things. Each is replaced whole or not at all: in a full folder the last whole one stays.

declare -A UNWRITTEN=()  # By name: what the supervisor could not write yet. Tried every turn.

# replace_file PATH TEXT: false when it could not be written; what lay there before stays then.
# One printf, whose status is looked at before the rename: what the disk refused gets no name.
replace_file() {
  if { printf '%s\n' "$2" >"$1.next" && mv -f -- "$1.next" "$1"; } 2>/dev/null; then return; fi
  rm -f -- "$1.next"
  return 1
}

# keep_file NAME TEXT: replaces a file of the run folder now, or as soon as that is possible.
keep_file() {
  if replace_file "$RUN_DIR/$1" "$2"; then
    if [[ -z ${UNWRITTEN[$1]+set} ]]; then return; fi
    unset "UNWRITTEN[$1]"
    if ((${#UNWRITTEN[@]} == 0)); then say "$RUN_DIR can be written again"; fi
  else
    if ((${#UNWRITTEN[@]} == 0)); then
      say "cannot write $RUN_DIR/$1 (is the disk full?): going on, trying again until it works"
    fi
    UNWRITTEN[$1]=$2
  fi
}

# write_again: once more what could not be written.
write_again() {
  local name
  for name in "${!UNWRITTEN[@]}"; do keep_file "$name" "${UNWRITTEN[$name]}"; done
}
