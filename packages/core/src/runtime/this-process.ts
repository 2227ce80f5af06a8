import { hostname } from 'node:os'

/** Who runs, for leases: processes of one machine can look after each other. */
export interface ProcessIdentity {
  /** Name of the machine or pod. */
  readonly host: string
  readonly processId: number
  /** Whether this host has such a process now, of whatever program and account. */
  readonly isAlive: (processId: number) => boolean
}

/** The process that this is. */
export const thisProcess: ProcessIdentity = {
  host: hostname(),
  processId: process.pid,
  isAlive(processId) {
    try {
      // Signal 0 is not sent: it only asks.
      return process.kill(processId, 0)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  },
}
