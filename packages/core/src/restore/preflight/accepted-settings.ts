import type { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { SettingNote } from './captured-settings.ts'

type Values = ReadonlyMap<string, string>

/** What came of asking for a topic with some settings. */
interface Trial {
  readonly failure: KafkaBackupError | null
  /** Everything that the topic would have; null: not told. */
  readonly told: Values | null
}

/** Those settings of the source that the target takes, and why the others are left out. */
export interface AcceptedSettings<T extends Trial> {
  readonly values: Values
  /** With all of `values`. */
  readonly trial: T
  readonly notes: readonly SettingNote[]
}

/**
 * Asks for all settings at once; only where that is refused because of a setting, it is found out which of them the target does not know
 * or does not take.
 */
export async function acceptedSettings<T extends Trial>(
  topic: string,
  wanted: Values,
  ask: (values: Values) => Promise<T>,
): Promise<AcceptedSettings<T>> {
  const whole = await ask(wanted)
  if (wanted.size === 0 || !isRefusedSetting(whole.failure))
    return { values: wanted, trial: whole, notes: [] }
  const plain = await ask(new Map())
  // The settings are not what is in the way.
  if (plain.failure) return { values: new Map(), trial: plain, notes: [] }
  const notes: SettingNote[] = []
  const leave = (name: string, captured: string, reason: string): void =>
    void notes.push({ topic, name, captured, value: null, kind: 'left_out', reason })
  const values = new Map<string, string>()
  for (const [name, value] of wanted) {
    if (plain.told && !plain.told.has(name)) {
      leave(name, value, 'the target does not know it')
      continue
    }
    const { failure } = await ask(new Map([[name, value]]))
    if (isRefusedSetting(failure)) leave(name, value, `the target refuses it: ${failure.message}`)
    else values.set(name, value)
  }
  const trial = await ask(values)
  if (!isRefusedSetting(trial.failure)) return { values, trial, notes }
  for (const [name, value] of values)
    leave(name, value, `the target refuses them together: ${trial.failure.message}`)
  return { values: new Map(), trial: plain, notes }
}

function isRefusedSetting(failure: KafkaBackupError | null): failure is KafkaBackupError {
  return failure?.context.kafkaError === 'INVALID_CONFIG'
}
