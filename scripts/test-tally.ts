/** A line of scripts/test-events.cjs. Children come before their parent, one level deeper. */
export interface TestEvent {
  readonly isPassed: boolean
  readonly name: string
  readonly nesting: number
  readonly isSuite: boolean
  readonly isSkipped: boolean
  readonly isTodo: boolean
  readonly failureType?: string
  readonly error?: string
}

/** A failed test; `name` has the names of the groups around it. */
export interface TestFailure {
  readonly name: string
  readonly error: string
}

/** Counts of tests that contain no others, and the failures among them. */
export interface Tally {
  readonly passed: number
  readonly skipped: number
  readonly failures: readonly TestFailure[]
}

/** What the reporter wrote of one file: its tests, and what they said (figures, mostly). */
export interface ReportedFile {
  readonly events: readonly TestEvent[]
  readonly notes: readonly string[]
}

/** Reads the lines of one file; a line that was cut off by the end of the process is passed over. */
export function parseEvents(lines: string): ReportedFile {
  const parsed = lines.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as TestEvent | { readonly note: string }]
    } catch {
      return []
    }
  })
  return {
    events: parsed.flatMap((entry) => ('note' in entry ? [] : [entry])),
    notes: parsed.flatMap((entry) => ('note' in entry ? [entry.note] : [])),
  }
}

/**
 * Counts the events of one file. A test with tests inside it counts by them, unless it failed for a reason of its own
 * (a hook, an assertion of the outer test).
 */
export function tally(events: readonly TestEvent[]): Tally {
  const counts = { passed: 0, skipped: 0 }
  const failures: { names: string[]; error: string; nesting: number }[] = []
  // Open names of failures wait here for the names of the groups that end after them.
  const children: number[] = []
  for (const event of events) {
    const { nesting, name } = event
    const hasChildren = (children[nesting + 1] ?? 0) > 0
    children[nesting + 1] = 0
    children[nesting] = (children[nesting] ?? 0) + 1
    for (const failure of failures) {
      if (failure.nesting <= nesting) continue
      failure.names.unshift(name)
      failure.nesting = nesting
    }
    if (isFailure(event, hasChildren)) failures.push({ names: [name], error: event.error ?? '', nesting })
    else if (hasChildren) continue
    // Of a suite that is skipped whole nobody knows how many tests it has.
    else if (event.isSuite && !event.isSkipped) continue
    else if (event.isSkipped || event.isTodo) counts.skipped++
    else counts.passed++
  }
  return { ...counts, failures: failures.map(({ names, error }) => ({ name: names.join(' > '), error })) }
}

function isFailure(event: TestEvent, hasChildren: boolean): boolean {
  if (event.isPassed || event.isTodo) return false
  return !(hasChildren && event.failureType === 'subtestsFailed')
}

/** Sum of several tallies. */
export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, entry) => sum + entry.passed, 0),
    skipped: tallies.reduce((sum, entry) => sum + entry.skipped, 0),
    failures: tallies.flatMap((entry) => entry.failures),
  }
}

/** `N passed, N failed`, and what was skipped if anything was. */
export function summaryLine({ passed, failures, skipped }: Tally): string {
  const line = `${passed} passed, ${failures.length} failed`
  return skipped > 0 ? `${line}, ${skipped} skipped` : line
}
