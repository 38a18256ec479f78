# shellcheck shell=bash
# shellcheck disable=SC2034  # Results are variables that the callers read.
# What the supervisor asks the kernel: time, processes, sockets. Needs only bash, awk, coreutils and
# findutils, which every Debian has. Results come back in variables (fewer forks), named in each
# header.

readonly CAPTURE_BYTES_MAX=60000  # A pipe takes 65,536 bytes before who writes to it must wait.
CAPTURE_FD='' CAPTURE_OWNER=''

# capture COMMAND…: sets CAPTURED to what it writes, at most CAPTURE_BYTES_MAX bytes, less line ends at
# the end; its status is the command's. All of deploy/lib reads from commands by this. Not by $(…) or
# <(…): bash 5.2 parses these when it comes to them, and a trap that it runs in the middle of that is
# lost or ends the shell with a syntax error. Nor by a pipe whose last part runs in this shell
# (lastpipe): where another child ends meanwhile, bash 5.2 writes to memory that it has given back. The
# loops over lists of files, which may be longer than a pipe and are rare, still are such pipes.
shopt -s lastpipe
capture() {
  local status
  if [[ $CAPTURE_OWNER != "$BASHPID" ]]; then open_capture; fi
  "$@" | head -c "$CAPTURE_BYTES_MAX" >&"$CAPTURE_FD"
  status=${PIPESTATUS[0]}
  printf '\0' >&"$CAPTURE_FD"
  IFS= read -r -d '' -u "$CAPTURE_FD" CAPTURED
  while [[ $CAPTURED == *$'\n' ]]; do CAPTURED=${CAPTURED%$'\n'}; done
  return "$status"
}

# open_capture: makes this shell's own pipe; a subshell has the one of its parent otherwise.
open_capture() {
  local folder path
  for folder in /dev/shm /run /tmp .; do
    path=$folder/daphnis-capture.$BASHPID.$RANDOM$RANDOM
    if ! mkfifo -m 600 -- "$path" 2>/dev/null; then continue; fi
    exec {CAPTURE_FD}<>"$path"
    rm -f -- "$path"
    CAPTURE_OWNER=$BASHPID
    return
  done
  printf '%s: cannot make a pipe in /dev/shm, /run, /tmp or here\n' "${0##*/}" >&2
  exit 1
}

# merged COMMAND…: what it says on stderr goes to stdout as well.
merged() { "$@" 2>&1; }

# now_ms: sets NOW to milliseconds since boot. Wall clock jumps do not show in it.
now_ms() {
  local up
  read -r up _ </proc/uptime
  NOW=$((10#${up/./} * 10))
}

# proc_stat PID: sets PROC_PPID and PROC_START (clock ticks after boot, field 22 of proc(5) stat).
# False when there is no such process; a zombie counts as none.
proc_stat() {
  local text='' fields
  [[ $1 =~ ^[1-9][0-9]*$ ]] || return 1
  { IFS= read -r -d '' text <"/proc/$1/stat"; } 2>/dev/null
  [[ -n $text ]] || return 1
  read -r -d '' -a fields <<<"${text##*) }"  # The name before it may hold anything.
  [[ ${fields[0]} != [ZX] ]] || return 1
  PROC_PPID=${fields[1]}
  PROC_START=${fields[19]}
}

# same_process PID START: is PID still the process that began at START, and not a later one that was
# given the same number?
same_process() { proc_stat "$1" && [[ $PROC_START == "$2" ]]; }

# own_child PID START: the same, and a child of this very shell.
own_child() { same_process "$1" "$2" && [[ $PROC_PPID == "$$" ]]; }

# split_address HOST:PORT: sets ADDRESS_HOST (without brackets) and ADDRESS_PORT; false if it is
# malformed.
split_address() {
  ADDRESS_PORT=${1##*:}
  ADDRESS_HOST=${1%:*}
  if [[ $ADDRESS_HOST == \[*\] ]]; then
    ADDRESS_HOST=${ADDRESS_HOST:1:-1}
  elif [[ $ADDRESS_HOST == *:* ]]; then
    return 1
  fi
  if [[ $1 == :* ]]; then ADDRESS_HOST=::; fi  # Every address, as the programs have it.
  [[ $1 == *:* && $ADDRESS_HOST =~ ^[][0-9A-Za-z:.-]+$ && $ADDRESS_PORT =~ ^[1-9][0-9]{0,4}$ ]] &&
    ((ADDRESS_PORT <= 65535))
}

# read_size TEXT: sets SIZE_BYTES from a number of bytes with or without a unit, as the programs read
# it (common/base/byte_size.h); false if it is malformed or beyond 2^62.
read_size() {
  local number unit text=${1,,} units=kmgtpe shift_by=0
  [[ $text =~ ^([0-9]{1,18})\ *(b|([kmgtpe])i?b?)?$ ]] || return 1
  number=$((10#${BASH_REMATCH[1]}))
  unit=${BASH_REMATCH[3]:-}
  if [[ -n $unit ]]; then
    units=${units%%"$unit"*}
    shift_by=$(((${#units} + 1) * 10))
  fi
  ((number <= (1 << 62) >> shift_by)) && SIZE_BYTES=$((number << shift_by))
}

# dial_host HOST: sets DIAL_HOST to what to dial to reach a listener on HOST.
dial_host() {
  case $1 in
    0.0.0.0 | ::) DIAL_HOST=127.0.0.1 ;;  # A listener on :: takes IPv4 as well.
    *) DIAL_HOST=$1 ;;
  esac
}

# url_of HOST:PORT: sets DIAL_URL to the http URL at which a local client reaches a listener on it.
url_of() {
  split_address "$1" || return 1
  dial_host "$ADDRESS_HOST"
  if [[ $DIAL_HOST == *:* ]]; then DIAL_HOST="[$DIAL_HOST]"; fi
  DIAL_URL=http://$DIAL_HOST:$ADDRESS_PORT
}

# listening PORT [PID]: does anybody, or does PID, have a TCP listener on PORT? Workers share one
# port, so a connection would reach any of them: the socket table tells them apart.
listening() {
  local port inode tests=() proc=self
  if (($# > 1)); then proc=$2; fi
  printf -v port ':%04X' "$1"
  capture awk -v port="$port" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }' \
    "/proc/$proc/net/tcp" "/proc/$proc/net/tcp6" 2>/dev/null
  [[ -n $CAPTURED ]] || return 1
  (($# > 1)) || return 0
  for inode in $CAPTURED; do
    tests+=(-o -lname "socket:\\[$inode\\]")
  done
  capture find "/proc/$2/fd" -maxdepth 1 \( "${tests[@]:1}" \) -print -quit 2>/dev/null
  [[ -n $CAPTURED ]]
}

# http_get HOST:PORT PATH: one plain request to a server of this box, at most 2 s. Sets HTTP_STATUS
# and HTTP_BODY (at most 256 KiB); false when there is no HTTP answer.
http_get() {
  local answer='' host_header fd
  HTTP_STATUS=0 HTTP_BODY=
  split_address "$1" || return 1
  dial_host "$ADDRESS_HOST"
  host_header=$DIAL_HOST
  if [[ $host_header == *:* ]]; then host_header="[$host_header]"; fi
  { exec {fd}<>"/dev/tcp/$DIAL_HOST/$ADDRESS_PORT"; } 2>/dev/null || return 1
  { printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' \
    "$2" "$host_header" "$ADDRESS_PORT" >&"$fd"; } 2>/dev/null
  { IFS= read -r -t 2 -N 262144 -u "$fd" answer; } 2>/dev/null
  exec {fd}>&-
  [[ $answer =~ ^HTTP/1\.[01]\ ([1-5][0-9][0-9]) ]] || return 1
  HTTP_STATUS=${BASH_REMATCH[1]}
  HTTP_BODY=${answer#*$'\r\n\r\n'}
}

# free_ports N: sets FREE_PORTS to N different ports on which nobody listens, below the range the
# kernel gives to outgoing connections.
free_ports() {
  local port
  FREE_PORTS=()
  while ((${#FREE_PORTS[@]} < $1)); do
    port=$((20000 + RANDOM % 12000))
    if [[ " ${FREE_PORTS[*]} " != *" $port "* ]] && ! listening "$port"; then
      FREE_PORTS+=("$port")
    fi
  done
}

# close_descriptors: closes all but the standard three, whoever opened them; for a subshell that is
# about to become another program. 255 is the shell's own and closes by itself.
close_descriptors() {
  local fd
  for fd in "/proc/$BASHPID/fd/"*; do
    fd=${fd##*/}
    if ((fd > 2 && fd != 255)); then exec {fd}>&-; fi
  done
}
