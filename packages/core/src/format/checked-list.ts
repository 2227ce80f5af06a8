import { z } from 'zod'

/**
 * An array of what `entry` describes, judged up to the first entry that does not fit. The library would describe every
 * problem of every entry: of a hostile document these take hundreds of times its length of memory.
 */
export function listOf<Entry extends z.ZodType>(entry: Entry, atLeast = 0) {
  return z.array(z.unknown()).transform((values, context): z.output<Entry>[] => {
    if (values.length < atLeast) {
      context.issues.push({ code: 'custom', message: `fewer than ${atLeast} entries`, input: values })
      return z.NEVER
    }
    const entries: z.output<Entry>[] = []
    for (const [at, value] of values.entries()) {
      const result = entry.safeParse(value)
      if (!result.success) {
        const issue = result.error.issues[0]
        const message = issue?.message ?? 'not what it should be'
        context.issues.push({ code: 'custom', message, path: [at, ...(issue?.path ?? [])], input: value })
        return z.NEVER
      }
      entries.push(result.data)
    }
    return entries
  })
}
