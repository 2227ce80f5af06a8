import type { Figure } from './figure-list.ts'

/** What one command said when it ran last. */
export interface MeasuredRun {
  readonly command: string
  readonly passed: number
  readonly failed: number
  readonly tookS: number
  /** Lines that the tests print: counts, kinds, seeds. */
  readonly said: readonly string[]
}

/** The last measurement of a figure; figures may come from different days and commits, so each says its own. */
export interface MeasuredFigure {
  readonly id: string
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly runs: readonly MeasuredRun[]
}

const HEAD = `# Promises, counted

Made by \`npm run figures\`; do not edit. Each figure says what was counted, when, on which commit and machine, and the command that counts it again.
\`npm run figures -- --tier=short\` takes what every change has to pass, \`--only=F3,F4\` a few; figures that were not measured again stay as they were.
A figure bounds what was tried, and no more: "0 of 1,000 kills" means that at a rate of one in 334 a failure would have been seen with 95 % confidence (three divided by the count).
`

/** The page of all figures, in the order of the list. */
export function renderPromises(figures: readonly Figure[], measured: readonly MeasuredFigure[]): string {
  const sections = figures.map((figure) => {
    const result = measured.find(({ id }) => id === figure.id)
    return `## ${figure.id}: ${figure.promise}\n\n${result ? renderResult(result) : 'Not measured yet.\n'}`
  })
  return [HEAD, ...sections].join('\n')
}

function renderResult({ date, commit, machine, runs }: MeasuredFigure): string {
  const bad = runs.reduce((sum, { failed }) => sum + failed, 0)
  const verdict = bad === 0 ? 'Kept' : `**Broken**: ${bad} failed`
  return `${verdict}, ${date}, commit ${commit}, ${machine}.\n\n${runs.map(renderRun).join('\n')}`
}

function renderRun({ command, passed, failed, tookS, said }: MeasuredRun): string {
  const lines = [`$ ${command}`, ...said, `${passed} passed, ${failed} failed, ${tookS} s`]
  return `\`\`\`text\n${lines.join('\n')}\n\`\`\`\n`
}
