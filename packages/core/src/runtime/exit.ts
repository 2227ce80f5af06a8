/** Ends the process at once. Only for a second signal: everything durable is committed or will be read again. */
export function exitNow(exitCode: number): never {
  process.exit(exitCode)
}
