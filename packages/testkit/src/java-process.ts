import { classArchive } from './class-archive.ts'
import { OwnedProcess, type OwnedProcessOptions } from './owned-process.ts'

/** A JVM that cannot outlive this process. */
export class JavaProcess extends OwnedProcess {
  constructor(options: Omit<OwnedProcessOptions, 'program'>) {
    const archive = classArchive(options.args)
    super({ ...options, program: 'java', args: [...archive.args, ...options.args] })
    this.ended.then(archive.onEnd)
  }
}
