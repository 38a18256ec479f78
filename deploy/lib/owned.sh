# shellcheck shell=bash
# shellcheck disable=SC2034  # Results are variables that the callers read.
# The rule for every path of ours, as common/uv/owned_path.h has it for the programs: all folders
# down to it belong to us or to root and nobody else may write in them (above it, folders with the
# sticky bit such as /tmp may), so nobody can put something else in its place. Links on the way must
# be ours or root's, and what lies in a folder of ours is never a link. Once a folder has passed,
# what is opened in it by name is what was checked.

readonly LINKS_MAX=40  # As many as the kernel follows in one path.

# owned_uid UID: is that us or root? OWNERS may list more, set by whoever acts for another user.
OWNERS="0 $EUID"
owned_uid() { [[ " $OWNERS " == *" $1 "* ]]; }

# refuse_owner PATH UID: sets REFUSED.
refuse_owner() {
  REFUSED="$1 belongs to user $2 and we run as user $EUID: choose another place, or give it to us"
  REFUSED+=" (chown $EUID $1)"
}

# refuse_mode PATH: sets REFUSED.
refuse_mode() {
  REFUSED="$1 may be written by others: choose another place, or forbid it (chmod go-w $1)"
}

# check_folder PATH sticky|last: one folder that is there, itself; with `sticky`, others may make
# files of their own in it. False: see REFUSED.
check_folder() {
  local uid mode kind
  if ! capture stat -c '%u %a %F' -- "$1" 2>/dev/null; then
    REFUSED="cannot look at $1"
    return 1
  fi
  read -r uid mode kind <<<"$CAPTURED"
  if [[ $kind != directory ]]; then
    REFUSED="$1 is no folder: remove it or choose another place"
  elif ! owned_uid "$uid"; then
    refuse_owner "$1" "$uid"
  elif (((8#$mode & 8#022) != 0)) && { [[ $2 == last ]] || (((8#$mode & 8#1000) == 0)); }; then
    refuse_mode "$1"
  else
    return 0
  fi
  return 1
}

# check_owned_folder PATH [sticky]: an absolute path to a folder that is there. False: see REFUSED.
check_owned_folder() {
  local rest=$1 at='' part links=0
  check_folder / sticky || return 1
  while :; do
    while [[ $rest == /* ]]; do rest=${rest#/}; done
    if [[ -z $rest ]]; then break; fi
    part=${rest%%/*}
    rest=${rest:${#part}}
    case $part in
      .) continue ;;
      ..) at=${at%/*} && continue ;;
    esac
    if [[ ! -L $at/$part ]]; then
      at=$at/$part
      check_folder "$at" sticky || return 1
      continue
    fi
    capture stat -c %u -- "$at/$part"
    if ! owned_uid "$CAPTURED"; then
      refuse_owner "$at/$part" "$CAPTURED"
      return 1
    fi
    if ((++links > LINKS_MAX)); then
      REFUSED="too many links in $1"
      return 1
    fi
    capture readlink -- "$at/$part"
    if [[ $CAPTURED == /* ]]; then at=''; fi
    rest=$CAPTURED/$rest
  done
  check_folder "${at:-/}" "${2:-last}"
}

# make_owned_folder PATH: makes what is missing and checks all of it. False: see REFUSED.
make_owned_folder() {
  local above=$1
  # Nothing is made in a place that would be refused.
  while [[ ! -e $above && ! -L $above && $above == /?* ]]; do above=${above%/*}; done
  if [[ $above != "$1" ]]; then check_owned_folder "${above:-/}" sticky || return 1; fi
  if ! mkdir -p -- "$1" 2>/dev/null; then
    REFUSED="cannot make $1"
    return 1
  fi
  check_owned_folder "$1"
}

# check_owned_files FOLDER: whatever lies right in a folder that has passed is ours, not writable by
# others, and no link. False: see REFUSED.
check_owned_files() {
  local uid mode kind path
  find "$1" -mindepth 1 -maxdepth 1 -printf '%U %m %y %p\n' 2>/dev/null |
    while read -r uid mode kind path; do
    case $kind in
      l) REFUSED="$path is a symbolic link: remove it" ;;
      *)
        if ! owned_uid "$uid"; then
          refuse_owner "$path" "$uid"
        elif (((8#$mode & 8#022) != 0)); then
          refuse_mode "$path"
        else
          continue
        fi
        ;;
    esac
    return 1
    done
}
