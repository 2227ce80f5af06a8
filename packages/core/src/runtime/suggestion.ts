const NAME_MAX_LENGTH = 80

/** The candidate that `name` was probably meant to be, if any is near. Case, `_`, `-` and `.` do not count. */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > NAME_MAX_LENGTH) return
  const written = folded(name)
  // One slip in a short name, three in a long one: more, and everything resembles everything.
  const limit = Math.min(3, Math.floor((written.length + 2) / 4))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    const distance = editDistance(written, folded(candidate))
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Fewest insertions, removals, replacements and swaps of neighbours that make `right` of `left`. */
export function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1]
      let distance = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
      )
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (isSwap) distance = Math.min(distance, (beforePrevious[column - 2] ?? 0) + 1)
      current.push(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.length] ?? 0
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[._-]/g, '')
}
