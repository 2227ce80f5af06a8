import type { Reader, Writer } from '@platformatic/kafka'
import { systemClock } from '../runtime/clock.ts'
import { negotiateVersion } from './api-versions.ts'
import type { BrokerLink } from './broker-connections.ts'
import { answerUnreadable, unreachable } from './kafka-error.ts'

/** What the library has for one version of a request. */
interface LibraryCodec<Question extends unknown[], Answer> {
  createRequest(...question: Question): Writer
  parseResponse(correlationId: number, apiKey: number, apiVersion: number, reader: Reader): Answer
}

type Library = typeof import('@platformatic/kafka')

/** Under which names the library has codecs of such a request. */
type CodecName<Question extends unknown[], Answer> = {
  [Name in keyof Library]: Library[Name] extends LibraryCodec<Question, Answer> ? Name : never
}[keyof Library]

/** One request in the versions that we use of it; they follow each other without a hole. */
export interface LibraryApi<Question extends unknown[], Answer> {
  readonly name: string
  readonly key: number
  readonly firstVersion: number
  /** The first version with tagged fields in its headers (KIP-482). */
  readonly flexibleFrom: number
  /** The library's names, by version, from `firstVersion` on. */
  readonly codecs: readonly CodecName<Question, Answer>[]
}

const REQUEST_TIMEOUT_MS = 15_000
/** Of the library's readers: they are made for a message with its correlation id, which is read already. */
const NO_CORRELATION = 0

/**
 * Sends one request, encoded and decoded by the library, over a connection of ours. Errors that the answer carries are part of
 * it: whoever asks looks at each error code.
 * @throws KB_BROKER_UNSUPPORTED when there is no common version, KB_CLUSTER_UNREACHABLE, KB_BROKER_ERROR when the answer makes
 * no sense
 */
export async function askBroker<Question extends unknown[], Answer extends object>(
  { connection, versions }: BrokerLink,
  api: LibraryApi<Question, Answer>,
  question: NoInfer<Question>,
): Promise<Answer> {
  const { name, key, firstVersion, codecs } = api
  const ours = { min: firstVersion, max: firstVersion + codecs.length - 1 }
  const version = negotiateVersion(versions, { name, key, ours }, connection.broker)
  // The library takes longer to load than everything else together; a verb that asks no cluster does without.
  const [library, { readAnswer }] = await Promise.all([
    import('@platformatic/kafka'),
    import('./library-answer.ts'),
  ])
  const codec = library[codecs[version - firstVersion] as keyof Library] as LibraryCodec<Question, Answer>
  const isFlexible = version >= api.flexibleFrom
  const body = codec.createRequest(...question).buffers
  const response = await withinTime(
    connection.request({ apiKey: key, version, isFlexible, body }),
    REQUEST_TIMEOUT_MS,
    () => {
      connection.close()
      return unreachable(connection.broker, `${name}: no answer within ${REQUEST_TIMEOUT_MS} ms`)
    },
  )
  try {
    const { bytes, position, end } = response.reader
    const parse = (reader: Reader) => codec.parseResponse(NO_CORRELATION, key, version, reader)
    return readAnswer(parse, bytes.subarray(position, end))
  } catch (error) {
    throw answerUnreadable(connection.broker, `${name} version ${version}`, error)
  } finally {
    response.release()
  }
}

/** `step`, or the error that `onLate` gives after `limitMs`. Nothing of it is left when it settles. */
export async function withinTime<T>(step: Promise<T>, limitMs: number, onLate: () => Error): Promise<T> {
  const settled = new AbortController()
  const done = step.then((value) => ({ value }))
  const alarm = systemClock.sleep(limitMs, settled.signal).then(
    () => null,
    () => null,
  )
  try {
    const outcome = await Promise.race([done, alarm])
    if (outcome === null) throw onLate()
    return outcome.value
  } finally {
    settled.abort()
  }
}
