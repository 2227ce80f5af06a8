/** Where objects go, and how the store is spoken to. Nothing here is secret. */
export interface S3Place {
  readonly bucket: string
  /** Without slashes around it; empty for the root of the bucket. */
  readonly prefix: string
  /** Undefined: what the environment or the profile says. */
  readonly region: string | undefined
  /** Undefined: what the environment or the profile says, or AWS itself. */
  readonly endpoint: string | undefined
  /** Whether the bucket is part of the path; undefined: at every endpoint but those of AWS. */
  readonly isPathStyle: boolean | undefined
  /** Of the shared files of AWS; undefined: the one that the environment names. */
  readonly profile: string | undefined
  /** The store cannot create an object only if it is absent; somebody vouches that one run at a time writes. */
  readonly isSingleWriter: boolean
}
