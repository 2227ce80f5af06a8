import type { Help } from 'commander'

// Narrower, a column of descriptions is no easier to read than a long line.
const DESCRIPTION_COLUMNS_MIN = 24
const TERM_COLUMNS_MAX = 32
const INDENT = '  '

/** How help looks: a term that is too long for its column has its description on the next line. */
export const HELP_LAYOUT: Partial<Help> = {
  minWidthToWrap: DESCRIPTION_COLUMNS_MIN,
  // Choices stand in the notation of an option or in its description already.
  optionDescription({ description, defaultValue }) {
    return typeof defaultValue === 'string' ? `${description} (default: "${defaultValue}")` : description
  },
  padWidth(command, helper) {
    const longest = Math.max(
      helper.longestOptionTermLength(command, helper),
      helper.longestSubcommandTermLength(command, helper),
    )
    return Math.min(longest, TERM_COLUMNS_MAX)
  },
  formatItem(term, termColumns, description, helper) {
    const pad = ' '.repeat(INDENT.length + termColumns + INDENT.length)
    const columns = (helper.helpWidth ?? 80) - pad.length
    const isWrapped = columns >= DESCRIPTION_COLUMNS_MIN
    const lines = isWrapped ? helper.boxWrap(description, columns).split('\n') : [description]
    const first =
      term.length <= termColumns ? INDENT + term.padEnd(termColumns) + INDENT + lines.shift() : INDENT + term
    return [first, ...lines.map((line) => pad + line)].join('\n')
  },
}
