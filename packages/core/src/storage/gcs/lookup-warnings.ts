const NAME = 'MetadataLookupWarning'

let isSilenced = false

/**
 * Keeps one warning of Google's library off the standard error: that it found no service for machines, which is no failure where
 * credentials come from elsewhere, and which our own error tells where they do not. All other warnings pass.
 */
export function silenceLookupWarnings(): void {
  if (isSilenced) return
  isSilenced = true
  // The library gives no other way, and Node prints a warning whoever listens.
  const emit = process.emitWarning.bind(process) as (...given: readonly unknown[]) => void
  process.emitWarning = (...given: readonly unknown[]): void => {
    if (nameOf(given) !== NAME) emit(...given)
  }
}

/** Runs a step, which must not wait for anything, without what it warns of on the console. */
export function withoutConsoleWarnings<T>(step: () => T): T {
  const { console: screen } = globalThis
  const { warn } = screen
  screen.warn = () => {}
  try {
    return step()
  } finally {
    screen.warn = warn
  }
}

function nameOf([warning, options]: readonly unknown[]): unknown {
  if (warning instanceof Error) return warning.name
  return typeof options === 'string' ? options : (options as { readonly type?: unknown } | undefined)?.type
}
