# shellcheck shell=bash
# What becomes of a slot whose process has ended: a restart at once or later, or none.

readonly RESTART_DELAY_MAX_MS=30000
readonly EXIT_REFUSED=2      # How a program says that trying again is no use.
readonly START_DEATHS_MAX=3  # Before all were ready once, a crash is a mistake in set-up.

on_death() {
  local name=$1
  exit_text "$name"
  case $name in
    *.old)
      say "$name (pid ${PID[$name]}) has left: $EXIT_TEXT"
      forget "$name"
      ;;
    *.new)
      forget "$name"
      reload_lost_successor "$name"
      ;;
    *) schedule_restart "$name" ;;
  esac
}

# schedule_restart NAME: at once, then after 1, 2, 4, … 30 s. One that refused its settings is not
# tried again; nor is anything in a start that cannot succeed, or where no worker serves any more.
schedule_restart() {
  local name=$1 limit=$CRASH_LIMIT delay_ms=0 deaths=() time
  if ((NOW - SINCE_MS[$name] >= HEALTHY_SECONDS * 1000)); then STREAK[$name]=0; fi
  STREAK[$name]=$((${STREAK[$name]:-0} + 1))
  for time in ${DEATHS[$name]:-} "$NOW"; do
    if ((NOW - time < CRASH_WINDOW_SECONDS * 1000)); then deaths+=("$time"); fi
  done
  DEATHS[$name]=${deaths[*]}
  if ((EXIT_CODE == EXIT_REFUSED)); then
    on_refusal "$name"
    return
  fi
  if ((STREAK[$name] > 1)); then delay_ms=1000; fi
  for ((time = 2; time < STREAK[$name] && delay_ms < RESTART_DELAY_MAX_MS; time++)); do
    delay_ms=$((delay_ms * 2))
  done
  if ((delay_ms > RESTART_DELAY_MAX_MS)); then delay_ms=$RESTART_DELAY_MAX_MS; fi
  DUE_MS[$name]=$((NOW + delay_ms))
  NOTE[$name]=$EXIT_TEXT
  set_state "$name" waiting
  say "$name (pid ${PID[$name]}) died ($EXIT_TEXT): restart in $((delay_ms / 1000)) s"
  if [[ $PHASE == starting ]] && ((limit > START_DEATHS_MAX)); then limit=$START_DEATHS_MAX; fi
  if ((${#deaths[@]} >= limit || STREAK[$name] >= limit)); then on_crash_loop "$name" "$limit"; fi
}

# on_refusal NAME: it ended with the status that means: do not try again.
on_refusal() {
  NOTE[$1]="refused its settings; see daphnis logs $1, then daphnis reload"
  set_state "$1" failed
  say "$1 (pid ${PID[$1]}) refused its settings ($EXIT_TEXT): not tried again before a reload"
  say_log_tail "$1"
  if [[ $PHASE == starting ]] || { [[ $1 == worker-* ]] && ! any_worker running waiting starting; }
  then
    say "giving up and stopping everything"
    give_up "$EXIT_USAGE"
  fi
}

# on_crash_loop NAME LIMIT: the others need not suffer: workers serve what is in the cache without a
# broker, and each other's clients.
on_crash_loop() {
  NOTE[$1]="crash loop: $EXIT_TEXT"
  if [[ $PHASE == starting ]] || { [[ $1 == worker-* ]] && ! any_worker running; }; then
    say "$1 died $2 times within $CRASH_WINDOW_SECONDS s ($EXIT_TEXT):" \
      "giving up and stopping everything"
    say_log_tail "$1"
    give_up "$EXIT_CRASH_LOOP"
  elif ((STREAK[$1] == $2)); then
    say "$1 is in a crash loop: it is tried again at least every" \
      "$((RESTART_DELAY_MAX_MS / 1000)) s, and the others stay"
    say_log_tail "$1"
  fi
}

# any_worker STATE…: is any of them in one of these states?
any_worker() {
  local name
  for name in "${SLOTS[@]}"; do
    if [[ $name == worker-* && " $* " == *" ${STATE[$name]} "* ]]; then return; fi
  done
  return 1
}

# retry_dead: what waits or has failed is started in the next turn, as if for the first time.
retry_dead() {
  local name
  for name in "${SLOTS[@]}"; do
    if [[ ${STATE[$name]} == waiting || ${STATE[$name]} == failed ]]; then
      DUE_MS[$name]=$NOW STREAK[$name]=0 DEATHS[$name]=''
      set_state "$name" waiting
    fi
  done
}

restart_due() {
  local name
  for name in "${SLOTS[@]}"; do
    if [[ ${STATE[$name]} == waiting ]] && ((NOW >= DUE_MS[$name] && STOPS_ASKED == 0)); then
      RESTARTS[$name]=$((${RESTARTS[$name]:-0} + 1))
      spawn "$name"
      say "$name restarted (pid ${PID[$name]})"
    fi
  done
}
