/** What every script that sets groups has, behind what it has in common with others. `servers` and `mode` are set above it. */
export const RESET_SCRIPT_BODY = String.raw`tool=$(find_tool kafka-consumer-groups) || exit 1
rows=$(mktemp) || fail 'Nothing was done: no temporary file can be created.'
trap 'rm -f "$rows"' EXIT
trap 'exit 130' INT TERM
done_groups=0
failed_groups=0

groups_tool() {
  call_tool "$tool" "$@"
}

# Says why a group cannot be set, and fails then. The tool refuses a group with members too, but ends as if all were well.
is_inactive() {
  described=$(groups_tool --describe --state "--group=$1") || true
  state=$(printf '%s\n' "$described" | awk 'NF >= 2 && $NF ~ /^[0-9]+$/ && $(NF - 1) ~ /^[A-Z][A-Za-z]*$/ { state = $(NF - 1) } END { print state }')
  case $state in
    Empty | Dead) return 0 ;;
    '') ;;
    *)
      printf 'Not set: the group is %s. Stop its consumers first.\n' "$state" >&2
      return 1
      ;;
  esac
  case $described in
    *'does not exist'* | *GroupIdNotFoundException*) return 0 ;;
  esac
  printf 'Not set: the state of the group is not known.\n%s\n' "$described" >&2
  return 1
}

end_group() {
  if [ "$1" = 0 ]; then
    done_groups=$((done_groups + 1))
  else
    failed_groups=$((failed_groups + 1))
  fi
}

# Of a group, the offsets on stdin: topic,partition,offset.
set_offsets() {
  cat >"$rows"
  printf '\nGroup %s\n' "$1"
  if ! is_inactive "$1"; then
    end_group 1
    return 0
  fi
  if ! said=$(groups_tool --reset-offsets "--group=$1" --from-file "$rows" "$mode"); then
    printf '%s\nNot set: the tool has failed.\n' "$said" >&2
    end_group 1
    return 0
  fi
  printf '%s\n' "$said"
  # The tool moves offsets that are out of range, and leaves out what it cannot set, without failing. Some versions end no line.
  if missing=$(printf '%s\n' "$said" | awk 'FNR == NR { split($0, cell, ","); want[cell[1] " " cell[2] " " cell[3]] = 1; next }
    { for (at = 1; at <= NF; at++) { if (is_table) delete want[before " " last " " $at]; if ($at == "NEW-OFFSET") is_table = 1; before = last; last = $at } }
    END { for (row in want) { print row; left = 1 } exit left }' "$rows" -); then
    end_group 0
  else
    printf 'Not as planned (topic, partition, offset):\n%s\n' "$missing" >&2
    end_group 1
  fi
}

# Of a group, to where all partitions of its topics are moved, in the words of the tool.
move_group() {
  group=$1
  shift
  wanted=
  [ "$1" != --to-offset ] || wanted=$2
  printf '\nGroup %s\n' "$group"
  if ! is_inactive "$group"; then
    end_group 1
    return 0
  fi
  if ! said=$(groups_tool --reset-offsets "--group=$group" "$@" "$mode") ||
    ! printf '%s\n' "$said" | moved_rows "$*" | grep -q .; then
    printf '%s\nNot set: the tool has named no offset.\n' "$said" >&2
    end_group 1
    return 0
  fi
  printf '%s\n' "$said"
  # The tool moves an offset that a partition does not have to its begin or end, without failing.
  missing=$(printf '%s\n' "$said" | moved_rows "$*" | awk -v wanted="$wanted" 'wanted != "" && $3 != wanted { print $1, $2, wanted }')
  if [ -z "$missing" ]; then
    end_group 0
  else
    printf 'Not as planned (topic, partition, offset):\n%s\n' "$missing" >&2
    end_group 1
  fi
}

# Of what the tool says of these words: topic, partition and offset, one row each. Some versions end no line.
moved_rows() {
  awk -v words=" $1 " '{ for (at = 1; at <= NF; at++) { if (is_table && last ~ /^[0-9]+$/ && $at ~ /^[0-9]+$/ && index(words, " " before " ")) print before, last, $at; if ($at == "NEW-OFFSET") is_table = 1; before = last; last = $at } }'
}

finish() {
  if [ "$mode" = --execute ]; then
    printf '\nGroups set: %d. Not as planned: %d.\n' "$done_groups" "$failed_groups"
  else
    printf '\nGroups tried: %d. Not as planned: %d.\n' "$done_groups" "$failed_groups"
    printf 'Nothing was changed. A script that is written with --execute sets them.\n'
  fi
  [ "$failed_groups" = 0 ] || exit 1
}
`
