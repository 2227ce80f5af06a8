import { OwnedProcess, type OwnedProcessOptions } from './owned-process.ts'

/** A JVM that cannot outlive this process. */
export class JavaProcess extends OwnedProcess {
  constructor(options: Omit<OwnedProcessOptions, 'program'>) {
    super({ ...options, program: 'java' })
  }
}
