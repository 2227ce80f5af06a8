/** The file of the service account cannot be used; `reason` says why, without what is in it. */
export class KeyFileError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}
