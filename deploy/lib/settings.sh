# shellcheck shell=bash
# Where the programs listen and meet. An option of the supervisor beats the config files, they beat
# variables, and those the supervisor's defaults. The programs themselves say what their flags,
# files and variables come to (--print-config), so there is one reading of them. What came out
# is then given to every process as flags, from start to stop: a file that is changed meanwhile moves
# none of these addresses, which processes of different ages must agree on.

readonly DEFAULT_LISTEN=0.0.0.0:8080 DEFAULT_ADMIN_LISTEN=127.0.0.1:8091
readonly DEFAULT_L2_LISTEN=127.0.0.1:8090  # Nobody from outside; the broker says who may register.

readonly CHECK_SECONDS=10

declare -A SETTINGS=()  # What read_settings found, by name; several values, one a line.
SOCKET='' STATS_FILE='' ATTEMPTS_FILE='' CACHE_DIR='' SPOOL_DIR=''
BROKER_LOG='' WORKER_LOG='' L2_LOG=''  # What the operator has set; empty: as we choose.
BROKER_FLAGS=() WORKER_FLAGS=()

# read_settings PROGRAM ARGUMENT…: sets SETTINGS to what is set by flag, variable or file. Ends the
# command with the program's own message when something in them is wrong.
read_settings() {
  local line
  SETTINGS=()
  if ((${#AS_USER[@]} > 0)) && ! "${AS_USER[@]}" test -x "$1"; then
    fail "user $RUN_USER may not run $1: install it where that user can, or say --user root"
  fi
  capture merged "${AS_USER[@]}" "$@" --print-config || wrong_settings "$CAPTURED"
  while IFS= read -r line; do
    if [[ $line == *=* ]]; then SETTINGS[${line%%=*}]+=${SETTINGS[${line%%=*}]+$'\n'}${line#*=}; fi
  done <<<"$CAPTURED"
}

# has_flag NAME ARGUMENT…: is --NAME among them?
has_flag() {
  local name=$1 argument
  shift
  for argument in "$@"; do
    if [[ $argument == --"$name" || $argument == --"$name="* ]]; then return; fi
  done
  return 1
}

# flag_value NAME ARGUMENT…: sets VALUE to what --NAME is given among them; else empty.
flag_value() {
  local name=$1
  VALUE=''
  shift
  while (($# > 0)); do
    case $1 in
      --"$name") VALUE=${2:-} ;;
      --"$name="*) VALUE=${1#*=} ;;
    esac
    shift
  done
}

# without_flag NAME ARGUMENT…: sets KEPT to the arguments, less --NAME and its value.
without_flag() {
  local name=$1
  KEPT=()
  shift
  while (($# > 0)); do
    case $1 in
      --"$name") shift $(($# > 1 ? 1 : 0)) ;;
      --"$name="*) ;;
      *) KEPT+=("$1") ;;
    esac
    shift
  done
}

# resolve_lines NAME DEFAULT: sets LINES_FILE to the file of lines that the broker writes under that
# setting; empty: none.
resolve_lines() {
  LINES_FILE=${SETTINGS[$1]-$2}
  if [[ $LINES_FILE == - ]]; then  # Among the lines of the log, and opened anew with it.
    LINES_FILE=$LOG_DIR/broker.log
    without_flag "$1" "${BROKER_ARGS[@]}"
    BROKER_ARGS=("${KEPT[@]}")
    return
  fi
  absolute "$LINES_FILE" && LINES_FILE=$ABSOLUTE
  if [[ -n $LINES_FILE && $LINES_FILE != "$LOG_DIR/broker.log" ]]; then
    BROKER_LINES+=("$LINES_FILE")
  fi
}

# resolve_settings: sets LISTEN, L2_LISTEN, ADMIN_LISTEN, SOCKET, STATS_FILE, ATTEMPTS_FILE to what
# holds, and the flags of both programs.
resolve_settings() {
  local address flags=() LINES_FILE
  BROKER_LINES=()
  if [[ -n $CONFIG ]]; then flags+=(--config "$CONFIG"); fi
  if [[ -n $ADMIN_LISTEN ]]; then flags+=(--admin-listen "$ADMIN_LISTEN"); fi
  for address in "${L2_LISTEN[@]}"; do flags+=(--l2-listen "$address"); done
  read_settings "$BROKER_BINARY" "${flags[@]}" "${BROKER_ARGS[@]}"
  ADMIN_LISTEN=${SETTINGS[admin-listen]:-$DEFAULT_ADMIN_LISTEN}
  mapfile -t L2_LISTEN <<<"${SETTINGS[l2-listen]:-$DEFAULT_L2_LISTEN}"
  SOCKET=${SETTINGS[socket]:-}
  resolve_lines stats-file "$RUN_DIR/stats.ndjson"
  STATS_FILE=$LINES_FILE
  resolve_lines attempts-file "$LOG_DIR/attempts.ndjson"
  ATTEMPTS_FILE=$LINES_FILE
  absolute "${SETTINGS[cache-dir]:-}" && CACHE_DIR=$ABSOLUTE
  SPOOL_DIR=${SETTINGS[spool-dir]:-none}
  BROKER_LOG=${SETTINGS[log-file]:-}
  absolute "${SPOOL_DIR#none}" && SPOOL_DIR=$ABSOLUTE
  resolve_worker_settings
  flag_value log-file "${L2_ARGS[@]}"
  L2_LOG=${VALUE:-${DAPHNIS_LOG_FILE:-}}
  absolute "${SOCKET:-$RUN_DIR/broker.sock}" && SOCKET=$ABSOLUTE
  check_addresses
  make_flags
}

# resolve_worker_settings: broker and workers must name one socket, if both name any.
resolve_worker_settings() {
  local flags=()
  if [[ -n $WORKER_CONFIG ]]; then flags+=(--config "$WORKER_CONFIG"); fi
  if [[ -n $LISTEN ]]; then flags+=(--listen "$LISTEN"); fi
  read_settings "$WORKER_BINARY" "${flags[@]}" "${WORKER_ARGS[@]}"
  LISTEN=${SETTINGS[listen]:-$DEFAULT_LISTEN}
  WORKER_LOG=${SETTINGS[log-file]:-}
  if [[ -n $SOCKET && -n ${SETTINGS[socket]:-} && $SOCKET != "${SETTINGS[socket]}" ]]; then
    fail "the broker's socket is set to $SOCKET, the workers' to ${SETTINGS[socket]}:" \
      "they would never meet"
  fi
  SOCKET=${SOCKET:-${SETTINGS[socket]:-}}
}

check_address() {
  split_address "$1" || wrong_usage "not HOST:PORT with a port from 1 to 65535: '$1'"
}

check_addresses() {
  local LC_ALL=C address
  for address in "$LISTEN" "$ADMIN_LISTEN" "${L2_LISTEN[@]}"; do check_address "$address"; done
  split_address "$LISTEN" && LISTEN_PORT=$ADDRESS_PORT
  if ((${#SOCKET} > SOCKET_PATH_BYTES_MAX)); then
    fail "the socket's path is longer than the system's $SOCKET_PATH_BYTES_MAX bytes: $SOCKET:" \
      "choose a shorter --run-dir"
  fi
}

# make_flags: what is passed through (--broker-arg, --worker-arg) must not be said twice.
make_flags() {
  local address
  BROKER_FLAGS=() WORKER_FLAGS=()
  has_flag socket "${BROKER_ARGS[@]}" || BROKER_FLAGS+=(--socket "$SOCKET")
  has_flag admin-listen "${BROKER_ARGS[@]}" || BROKER_FLAGS+=(--admin-listen "$ADMIN_LISTEN")
  if [[ -n $STATS_FILE ]] && ! has_flag stats-file "${BROKER_ARGS[@]}"; then
    BROKER_FLAGS+=(--stats-file "$STATS_FILE")
  fi
  if [[ -n $ATTEMPTS_FILE ]] && ! has_flag attempts-file "${BROKER_ARGS[@]}"; then
    BROKER_FLAGS+=(--attempts-file "$ATTEMPTS_FILE")
  fi
  if ! has_flag l2-listen "${BROKER_ARGS[@]}"; then
    for address in "${L2_LISTEN[@]}"; do BROKER_FLAGS+=(--l2-listen "$address"); done
  fi
  if [[ -n $CONFIG ]]; then BROKER_FLAGS+=(--config "$CONFIG"); fi
  BROKER_FLAGS+=("${BROKER_ARGS[@]}")
  has_flag socket "${WORKER_ARGS[@]}" || WORKER_FLAGS+=(--socket "$SOCKET")
  has_flag listen "${WORKER_ARGS[@]}" || WORKER_FLAGS+=(--listen "$LISTEN")
  if [[ -n $WORKER_CONFIG ]]; then WORKER_FLAGS+=(--config "$WORKER_CONFIG"); fi
  WORKER_FLAGS+=("${WORKER_ARGS[@]}")
}

# check_program: in a process of its own, becomes the check of what is in COMMAND.
check_program() {
  close_descriptors
  exec timeout -k 1 "$CHECK_SECONDS" "${AS_USER[@]}" "${COMMAND[@]}" --check-config 2>&1 </dev/null
}

# check_programs: does every program accept what it will be started with? They say so themselves.
# False: see REFUSED. Bounded, since a supervisor that waits does not supervise.
check_programs() {
  local name names=(broker worker-0) status
  if [[ -n $L2_STORE ]]; then names+=(l2); fi
  for name in "${names[@]}"; do
    command_of "$name"
    capture check_program
    status=$?
    if ((status != 0)); then
      REFUSED=${CAPTURED:-"${COMMAND[0]} --check-config ended with status $status"}
      return 1
    fi
  done
}
