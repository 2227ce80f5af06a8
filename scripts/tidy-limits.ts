/** Sizes of code, in lines. */
export const LIMITS = {
  fileLinesSoft: 250,
  fileLinesHard: 400,
  /** The median of packages/*\/src has to stay below it. */
  fileLinesMedian: 100,
  functionLinesHard: 60,
} as const

/** A function that may be longer than the limit, and why splitting it would make it worse. */
export interface FunctionException {
  readonly file: string
  readonly name: string
  readonly reason: string
}

/** THE list of exceptions. */
export const FUNCTION_EXCEPTIONS: readonly FunctionException[] = [
  {
    file: 'packages/core/test/protocol/byte-reader.test.ts',
    name: '(anonymous)',
    reason: 'one list of all wire types, written and read back in the same order',
  },
  {
    file: 'packages/core/test/config/file-shapes.test.ts',
    name: '(anonymous)',
    reason: 'every value that the example of the requirements comes to, in one list',
  },
  {
    file: 'packages/testkit/test/kafka-cluster.test.ts',
    name: '(anonymous)',
    reason: 'the life of one broker told in order; each start costs seconds',
  },
]

/** Words that have no place in packages/ and docs/: these speak about the engine and nothing else. */
export const BANNED_WORDS: readonly RegExp[] = [
  /\blicen[sc](?:e|es|ed|ing|or|ee)s?\b/gi,
  /\benterprise\w*/gi,
  /\bpaid\b/gi,
  /\bpricing\b/gi,
  /\beditions?\b/gi,
]
