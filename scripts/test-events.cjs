// A reporter of node:test has to be what a module exports by default; CommonJS is the way to give one without saying so.
const { inspect } = require('node:util')

// What node:test says of each file by itself.
const OWN_DIAGNOSTIC = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /

/** One line of JSON for each finished test or suite, and for each thing that a test said. Read by scripts/test-tally.ts. */
module.exports = async function* testEvents(source) {
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && !OWN_DIAGNOSTIC.test(data.message)) {
      yield `${JSON.stringify({ note: data.message })}\n`
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, nesting, skip, todo, details } = data
    const error = details.error
    yield `${JSON.stringify({
      isPassed: type === 'test:pass',
      name,
      nesting,
      isSuite: details.type === 'suite',
      isSkipped: skip !== undefined && skip !== false,
      isTodo: todo !== undefined && todo !== false,
      failureType: error?.failureType,
      error: error === undefined ? undefined : inspect(error.cause ?? error, { colors: false, depth: 6 }),
    })}\n`
  }
}
