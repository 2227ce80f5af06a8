import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder with something in it that looks like Kafka's tool for consumer groups, and writes down how it was called. */
export interface FakeGroupsTool {
  readonly home: string
  /** The words of every call, without the address of the cluster. */
  calls(): Promise<string[][]>
  close(): Promise<void>
}

// FAKE_STATE: what the group is said to be; FAKE_TROUBLE: why it is not said; FAKE_SHIFT: what is added to each offset, as for one out of range; FAKE_END: of a line of the table.
const PROGRAM = `#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word" >>"$FAKE_LOG"; done
printf '\\0' >>"$FAKE_LOG"
group=x
file=
to=7
for word in "$@"; do
  case $word in --group=*) group=\${word#--group=} ;; esac
  if [ "\${before:-}" = --from-file ]; then file=$word; fi
  if [ "\${before:-}" = --to-offset ]; then to=$word; fi
  before=$word
done
case " $* " in
*' --describe '*)
  if [ -n "\${FAKE_TROUBLE:-}" ]; then printf 'Error: %s\\n' "$FAKE_TROUBLE"; exit 1; fi
  if [ -z "\${FAKE_STATE:-}" ]; then
    printf "Error: Consumer group '%s' does not exist.\\n" "$group"
    exit 1
  fi
  printf '\\nGROUP  COORDINATOR (ID)  ASSIGNMENT-STRATEGY  STATE  #MEMBERS\\n'
  printf '%s  127.0.0.1:9092 (1)  range  %s  1\\n' "$group" "$FAKE_STATE"
  ;;
*)
  if [ -n "\${FAKE_ERROR:-}" ]; then printf 'Error: %s\\n' "$FAKE_ERROR"; exit 0; fi
  end=\${FAKE_END:-\\\\n}
  printf "\\\\nGROUP  TOPIC  PARTITION  NEW-OFFSET$end"
  if [ -z "$file" ]; then printf "%s  orders  0  %s$end" "$group" "$((to + \${FAKE_SHIFT:-0}))"; exit 0; fi
  while IFS=, read -r topic partition offset; do
    printf "%s  %s  %s  %s$end" "$group" "$topic" "$partition" "$((offset + \${FAKE_SHIFT:-0}))"
  done <"$file"
  ;;
esac
`

/** `name`: of the tool, such as `kafka-consumer-groups.sh`. */
export async function openFakeGroupsTool(name: string): Promise<FakeGroupsTool> {
  const home = await mkdtemp(join(tmpdir(), 'kafka backup tool-'))
  const log = join(home, 'calls')
  await mkdir(join(home, 'bin'))
  await writeFile(join(home, 'bin', name), PROGRAM)
  await chmod(join(home, 'bin', name), 0o755)
  await writeFile(log, '')
  return {
    home,
    calls: async () => {
      const calls = (await readFile(log, 'utf8')).split('\0\0').filter((call) => call !== '')
      return calls.map((call) => call.split('\0').slice(2))
    },
    close: () => rm(home, { recursive: true, force: true }),
  }
}
