import type { RestoreReport, SettingNote } from '@kafka-backup/core'

/** What a topic does not have as its source had it, in one line. */
export function noteText({ topic, name, captured, value, kind, reason }: SettingNote): string {
  const why = reason === null ? '' : `: ${reason}`
  switch (kind) {
    case 'left_out':
      return `Settings of ${topic}: ${name === '*' ? 'none' : `not ${name}=${captured}`}${why}`
    case 'changed':
      return `Settings of ${topic}: ${name}=${value}, not ${captured}${why}`
    case 'differs':
      if (name === '*') return `Settings of ${topic}: not compared, those of its source are not known${why}`
      return `Settings of ${topic}: it has ${name}=${value}, its source had ${captured}${why}`
  }
}

/** The same for programs. */
export function noteDocument({ topic, name, captured, value, kind, reason }: SettingNote) {
  return { topic, name, kind, captured, value, reason }
}

/** A setting that was put in place; null: it was removed. */
export function setDocument({ topic, name, original }: RestoreReport['settingsSet'][number]) {
  return { topic, name, value: original }
}
