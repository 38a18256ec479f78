# shellcheck shell=bash
# Whose processes they are. Root may start an edge, but what serves strangers need not be root: the
# supervisor itself, and so all it starts, becomes another user first, who keeps one right, to take
# ports below 1024, and can gain no other. Root's other commands become the owner of the run folder,
# so that what lies there can make root do nothing.

readonly DEFAULT_USER=daphnis
RUN_USER=''  # --user
AS_USER=()   # In front of a command: run it as that user. Empty: as ourselves.

# default_user: sets RUN_USER for root who named none.
default_user() {
  RUN_USER=root
  if id -u "$DEFAULT_USER" >/dev/null 2>&1; then RUN_USER=$DEFAULT_USER; fi
}

# set_as_user UID GID [NAME]: sets AS_USER. A user without a name has no further groups.
set_as_user() {
  local groups=--clear-groups
  if [[ -n ${3:-} ]]; then groups=--init-groups; fi
  AS_USER=(setpriv --reuid "$1" --regid "$2" "$groups" --inh-caps=-all,+net_bind_service
    --ambient-caps=-all,+net_bind_service --bounding-set=-all,+net_bind_service --no-new-privs --)
}

# act_as_user VERB OPTION…: returns when we are who we should be; else becomes that user, who starts
# over with the same words.
act_as_user() {
  if [[ $EUID != 0 ]]; then
    if [[ -n $RUN_USER ]] && { ! capture id -u -- "$RUN_USER" 2>/dev/null || [[ $CAPTURED != "$EUID" ]]; }
    then
      fail "only root can run an edge as another user ($RUN_USER)"
    fi
    return
  fi
  case $1 in
    start | run) prepare_user ;;
    *) prepare_owner ;;
  esac
  if ((${#AS_USER[@]} == 0)); then return; fi
  "${AS_USER[@]}" test -r "$HERE/daphnis" || fail "user $RUN_USER cannot read $HERE/daphnis:" \
    "install it where that user can, or say --user root"
  exec "${AS_USER[@]}" "$HERE/daphnis" "$@" --run-dir "$RUN_DIR" --user "$RUN_USER" \
    ${LOG_DIR:+--log-dir "$LOG_DIR"}
}

# prepare_user: for start and run. Checks everything as that user, and gives it its folders.
prepare_user() {
  local uid gid folder
  if [[ -z $RUN_USER ]]; then
    default_user
    if [[ $RUN_USER == root ]]; then
      printf 'daphnis: everything will run as root, since there is no user %s: %s\n' \
        "$DEFAULT_USER" "useradd --system --no-create-home --shell /usr/sbin/nologin daphnis" >&2
    fi
  fi
  capture id -u -- "$RUN_USER" 2>/dev/null || fail "there is no user $RUN_USER (--user)"
  uid=$CAPTURED
  if ((uid == 0)); then return; fi
  capture id -g -- "$RUN_USER"
  gid=$CAPTURED
  if check_owned_folder "$RUN_DIR" && supervised; then refuse_second; fi
  set_as_user "$uid" "$gid" "$RUN_USER"
  check_set_up
  for folder in "$RUN_DIR" "$LOG_DIR" ${CACHE_DIR:+"$CACHE_DIR"} ${SPOOL_DIR:+"$SPOOL_DIR"}; do
    give_folder "$folder" "$uid" "$gid"
  done
}

# prepare_owner: for all other commands.
prepare_owner() {
  local uid gid
  if ! capture stat -c '%u %g %U' -- "$RUN_DIR" 2>/dev/null; then return; fi
  read -r uid gid RUN_USER <<<"$CAPTURED"
  if ((uid == 0)); then return; fi
  if [[ $RUN_USER == UNKNOWN ]]; then
    set_as_user "$uid" "$gid"
    RUN_USER=$uid
  else
    set_as_user "$uid" "$gid" "$RUN_USER"
  fi
  # Where its owner cannot even look into it, it is no run folder of ours: refused later.
  if ! "${AS_USER[@]}" test -x "$RUN_DIR" 2>/dev/null; then AS_USER=(); fi
}

# give_folder PATH UID GID: makes a folder for that user, or sees to it that it has it. One that
# holds what root made is not given away in silence.
give_folder() {
  local OWNERS="0 $2" parent=${1%/*} missing=no
  if [[ ! -e $1 ]]; then
    missing=yes
    umask 022  # Folders on the way are root's, and the user must come through.
    [[ -d ${parent:-/} ]] || make_owned_folder "$parent" || fail "$REFUSED"
    umask 027
    make_owned_folder "$1" || fail "$REFUSED"
  else
    check_owned_folder "$1" || fail "$REFUSED"
  fi
  capture stat -c %u -- "$1"
  if [[ $CAPTURED == "$2" ]]; then return; fi
  capture find "$1" -mindepth 1 -print -quit
  if [[ $missing == no && -n $CAPTURED ]]; then
    fail "$1 belongs to root and is not empty: give it to $RUN_USER" \
      "(chown -R $RUN_USER: $1), or say --user root"
  fi
  chown -- "$2:$3" "$1" || fail "cannot give $1 to $RUN_USER"
}
