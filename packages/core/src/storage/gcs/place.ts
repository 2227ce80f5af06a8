/** Where objects go, and how the store is spoken to. Nothing here is secret. */
export interface GcsPlace {
  readonly bucket: string
  /** Without slashes around it; empty for the root of the bucket. */
  readonly prefix: string
  /** Address of the service, without a path; undefined: that of Google. */
  readonly endpoint: string | undefined
  /** File with the key of a service account; undefined: the default credentials of the environment. */
  readonly serviceAccountPath: string | undefined
  /** Somebody vouches that one run at a time writes, so that no condition is needed. */
  readonly isSingleWriter: boolean
}
