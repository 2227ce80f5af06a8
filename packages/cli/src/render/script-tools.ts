import { quotedText } from './shown-name.ts'

/**
 * What scripts have in common that call Kafka's tools: they stop with a reason, find a tool by its name without `.sh`, and see to a locale in which
 * Java reads names as they are. `names_are_ascii` is set above it.
 */
export const SCRIPT_TOOLS = String.raw`fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

find_tool() {
  for name in "$1" "$1.sh"; do
    if command -v "$name" >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  for name in "$1" "$1.sh"; do
    if [ -n "${'$'}{KAFKA_HOME:-}" ] && [ -x "$KAFKA_HOME/bin/$name" ]; then
      printf '%s\n' "$KAFKA_HOME/bin/$name"
      return
    fi
  done
  printf 'Nothing was done: neither %s nor %s.sh is on the PATH or in the folder bin of KAFKA_HOME.\n' "$1" "$1" >&2
  return 1
}

if [ "$names_are_ascii" = no ] && [ "$(locale charmap 2>/dev/null)" != UTF-8 ]; then
  # In another locale Java would read other names than those below.
  LC_ALL=C.UTF-8
  export LC_ALL
  [ "$(locale charmap 2>/dev/null)" = UTF-8 ] || fail 'Nothing was done: the names below need a UTF-8 locale, and there is none.'
fi

# Of a tool and its words: asks the cluster, as whom KAFKA_COMMAND_CONFIG says.
call_tool() {
  called=$1
  shift
  if [ -n "${'$'}{KAFKA_COMMAND_CONFIG:-}" ]; then
    "$called" --bootstrap-server "$servers" --command-config "$KAFKA_COMMAND_CONFIG" "$@" </dev/null 2>&1
  else
    "$called" --bootstrap-server "$servers" "$@" </dev/null 2>&1
  fi
}
`

/** The lines above all of it, for a script that does `what` with `tools`. */
export function scriptHead(what: string, tools: readonly string[]): string[] {
  const isOne = tools.length === 1
  return [
    '#!/bin/sh',
    `# ${what}, with Kafka's own ${isOne ? 'tool' : 'tools'} ${tools.join(', ')}.`,
    `# ${isOne ? 'The tool is' : 'The tools are'} looked for on the PATH, then in $KAFKA_HOME/bin.`,
    "# KAFKA_COMMAND_CONFIG names a file with the client's settings, for clusters that ask who it is.",
  ]
}

/** True when any locale reads the text as it is. */
export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}

/** Nothing may end the comment that it stands in. */
export function commentText(text: string): string {
  return quotedText(text).slice(1, -1)
}
