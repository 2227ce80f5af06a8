/** How a program proves who it is when it has neither a key nor a SAS token. */
export interface AzureIdentity {
  /** Undefined: where the workload has one. */
  readonly usesWorkload: boolean | undefined
  readonly clientId: string | undefined
  readonly tenantId: string | undefined
}

/** Where objects go, and how the store is spoken to. Nothing here is secret. */
export interface AzurePlace {
  readonly account: string
  readonly container: string
  /** Without slashes around it; empty for the root of the container. */
  readonly prefix: string
  /** Address of the account, without a slash at its end; undefined: the public cloud. */
  readonly endpoint: string | undefined
  readonly identity: AzureIdentity
  /** Somebody vouches that one run at a time writes, so that no condition is needed. */
  readonly isSingleWriter: boolean
}
