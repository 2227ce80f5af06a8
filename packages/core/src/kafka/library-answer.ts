import { type Reader, ResponseError } from '@platformatic/kafka'
import { ForwardReader } from './forward-reader.ts'

/**
 * What the library reads from the bytes of an answer. It throws an answer that carries an error, with the whole answer in the
 * exception; here that is an answer, too. @throws RangeError when bytes are missing or left
 */
export function readAnswer<Answer extends object>(parse: (reader: Reader) => Answer, bytes: Buffer): Answer {
  const reader = ForwardReader.over(bytes)
  let answer: Answer
  try {
    answer = parse(reader)
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    answer = error.response as Answer
  }
  // The library reads texts past the end without a word.
  if (reader.remaining !== 0) throw new RangeError(`${reader.remaining} bytes are left`)
  return answer
}
