# shellcheck shell=bash
# Finds processes that live but do not serve any more. A broker proves life by adding a line a
# second to its stats file. A worker answers the broker's pings; these lines say for how long it has
# not. Silence of WATCHDOG_SECONDS means SIGKILL, and then the ordinary restart.

readonly LOOKS_PER_SILENCE=6    # How often within WATCHDOG_SECONDS to look: every 1.7 s.
readonly OWN_PAUSE_MS_MAX=5000  # A longer turn of our own means that we were stopped.
declare -A HEARD_MS=()  # Last sign of life, by slot; of a worker, once the broker has listed it.
STATS_SEEN=
STATS_CHANGED=
WATCHED_AT_MS=0

# forgive_silence: every clock starts again. For times when silence proves nothing: the supervisor
# itself was stopped (or the machine asleep), or there is no broker that could tell.
forgive_silence() {
  local name
  for name in "${!HEARD_MS[@]}"; do HEARD_MS[$name]=$NOW; done
}

hear_broker() {
  STATS_CHANGED=
  if [[ -z $STATS_FILE ]]; then  # The operator wants no statistics: there is no sign to wait for.
    HEARD_MS[broker]=$NOW
    return
  fi
  capture stat -c '%s %Y' "$STATS_FILE" 2>/dev/null
  if [[ $CAPTURED != "$STATS_SEEN" ]]; then
    STATS_SEEN=$CAPTURED STATS_CHANGED=yes
    HEARD_MS[broker]=$NOW
  fi
}

# last_of_workers: the last line of the stats file that tells of workers. Not only the last line of
# all: with --stats-file - they stand among those of the log.
last_of_workers() {
  tail -n 50 -- "$STATS_FILE" 2>/dev/null | grep -F '"workers_silent_ms":' | tail -n 1
}

# hear_workers: what the last line of the stats file says of them. Nobody can hold that up, as he
# could the admin endpoint.
hear_workers() {
  local list name
  local broker_heard=${HEARD_MS[broker]:-$NOW}
  # A broker that has been silent itself for half the time tells of nobody.
  if [[ ${STATE[broker]} != running ]] || ((NOW - broker_heard > WATCHDOG_SECONDS * 500)); then
    forgive_silence
    HEARD_MS[broker]=$broker_heard
    return
  fi
  if [[ ! $STATS_CHANGED ]]; then return; fi
  capture last_of_workers
  [[ $CAPTURED =~ \"workers_silent_ms\":\{([^}]*)\} ]] || return 0
  list=,${BASH_REMATCH[1]},
  for name in "${SLOTS[@]}"; do
    if [[ $name == worker-* && $list =~ ,\"${PID[$name]:-none}\":([0-9]+), ]]; then
      HEARD_MS[$name]=$((NOW - BASH_REMATCH[1]))
    fi
  done
}

# watch: called every turn.
watch() {
  local name silent_ms silence_max start_max
  if ((NOW - LAST_TURN_MS > OWN_PAUSE_MS_MAX)); then forgive_silence; fi
  if ((WATCHDOG_SECONDS == 0)); then return; fi
  if ((NOW - WATCHED_AT_MS < WATCHDOG_SECONDS * 1000 / LOOKS_PER_SILENCE)); then return; fi
  WATCHED_AT_MS=$NOW
  start_max=$((START_SECONDS > WATCHDOG_SECONDS ? START_SECONDS : WATCHDOG_SECONDS))
  hear_broker
  hear_workers
  for name in "${SLOTS[@]}"; do
    case ${STATE[$name]} in
      running) silent_ms=$((NOW - ${HEARD_MS[$name]:-$NOW})) silence_max=$WATCHDOG_SECONDS ;;
      starting) silent_ms=$((NOW - SINCE_MS[$name])) silence_max=$start_max ;;
      *) continue ;;
    esac
    if ((silent_ms >= silence_max * 1000)); then
      say "$name (pid ${PID[$name]}) has been silent for $((silent_ms / 1000)) s: killing it"
      send KILL "$name"
    fi
  done
}

# heard NAME: it has just become ready.
heard() {
  if [[ $1 == broker ]]; then
    HEARD_MS[broker]=$NOW
    forgive_silence
  else
    unset "HEARD_MS[$1]"
  fi
}
