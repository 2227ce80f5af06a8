import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 90_000
const INTERVAL_MS = 50

/** Asks again and again until the answer is yes; fails with `what` after a minute and a half. */
export async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${PATIENCE_MS} ms until ${what}`)
    await delay(INTERVAL_MS)
  }
}
