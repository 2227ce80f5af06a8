import { patternBytes } from '../../../../testkit/src/conformance/storage-subject.ts'

/** The bytes that belong under a key of a writing child; they follow from the number at the key's end. */
export function numberedBytes(key: string): Buffer {
  const number = Number(/\d+$/.exec(key)?.[0] ?? 0)
  return patternBytes(1 + ((number * 48_611) % 600_000), number)
}
