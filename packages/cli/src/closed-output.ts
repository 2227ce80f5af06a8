/**
 * Lets a run outlive its readers: `kafka-backup list | head -1` closes stdout, a terminal that is gone closes stderr. What
 * they would have read is dropped; the exit code still says how the run ended. Any other failure to print is told on
 * stderr and makes a success a failure: a result that nobody got must not pass for one.
 */
export function tolerateClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.stderr.write(`Failed: cannot write the result to stdout (${error.code ?? error.message})\n`)
    process.exitCode = process.exitCode || 1
  })
  process.stderr.on('error', () => undefined)
}
