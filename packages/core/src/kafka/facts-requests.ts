import type { LibraryApi } from './library-request.ts'

/** `ANY` of the enumerations of ACLs. */
const ANY = 1

/** Everything; DescribeAcls takes texts of null for any. */
export const EVERY_ACL = {
  resourceType: ANY,
  resourceName: null,
  resourcePatternType: ANY,
  principal: null,
  host: null,
  operation: ANY,
  permissionType: ANY,
} as const

/** An answer to DescribeAcls; numbers are those of Kafka's enumerations. */
export interface AclAnswer {
  readonly errorCode: number
  readonly resources: readonly {
    readonly resourceType: number
    readonly resourceName: string
    readonly resourcePatternType: number
    readonly acls: readonly {
      readonly principal: string
      readonly host: string
      readonly operation: number
      readonly permissionType: number
    }[]
  }[]
}

/** Version 1 is the first with kinds of patterns. */
export const DESCRIBE_ACLS: LibraryApi<[filter: typeof EVERY_ACL], AclAnswer> = {
  name: 'DescribeAcls',
  key: 29,
  firstVersion: 1,
  flexibleFrom: 2,
  codecs: ['describeAclsV1', 'describeAclsV2', 'describeAclsV3'],
}

/** An answer to DescribeClientQuotas. */
export interface QuotaAnswer {
  readonly errorCode: number
  readonly entries:
    | readonly {
        readonly entity: readonly {
          readonly entityType: string
          readonly entityName: string | null | undefined
        }[]
        readonly values: readonly { readonly key: string; readonly value: number }[]
      }[]
    | null
}

/** Kafka 2.6 and later (KIP-546). No components: all quotas. */
export const DESCRIBE_CLIENT_QUOTAS: LibraryApi<[components: [], isStrict: boolean], QuotaAnswer> = {
  name: 'DescribeClientQuotas',
  key: 48,
  firstVersion: 0,
  flexibleFrom: 1,
  codecs: ['describeClientQuotasV0', 'describeClientQuotasV1'],
}

/** An answer to DescribeUserScramCredentials. */
export interface ScramAnswer {
  readonly errorCode: number
  readonly results: readonly {
    readonly user: string
    readonly errorCode: number
    readonly credentialInfos: readonly { readonly mechanism: number; readonly iterations: number }[]
  }[]
}

/**
 * Kafka 2.7 and later (KIP-554). No users: all of them. Null would mean the same, but brokers never answer an account that may not ask
 * so (3.9.1 fails while it writes the refusal).
 */
export const DESCRIBE_SCRAM_USERS: LibraryApi<[users: []], ScramAnswer> = {
  name: 'DescribeUserScramCredentials',
  key: 50,
  firstVersion: 0,
  flexibleFrom: 0,
  codecs: ['describeUserScramCredentialsV0'],
}
