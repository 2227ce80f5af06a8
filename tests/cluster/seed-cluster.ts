import type { KafkaCluster } from '@kafka-backup/testkit'
import { ClusterConnections } from '../../packages/core/src/kafka/cluster-connections.ts'
import { EVERY_ACL } from '../../packages/core/src/kafka/facts-requests.ts'
import type { LibraryApi } from '../../packages/core/src/kafka/library-request.ts'

/** An ACL by the codes of Kafka's enumerations. */
export interface SeedAcl {
  readonly resourceType: 2 | 3 | 4 | 5
  readonly resourceName: string
  readonly resourcePatternType: 3 | 4
  readonly principal: string
  readonly host: string
  readonly operation: 2 | 3 | 4 | 8 | 10
  readonly permissionType: 2 | 3
}

/** One quota; a value of null removes it. */
export interface SeedQuota {
  readonly entities: readonly { entityType: 'user' | 'client-id' | 'ip'; entityName: string | null }[]
  readonly key:
    | 'producer_byte_rate'
    | 'consumer_byte_rate'
    | 'request_percentage'
    | 'connection_creation_rate'
  readonly value: number | null
}

/** A credential that nobody signs in with. */
export interface SeedUser {
  readonly name: string
  readonly mechanism: 1 | 2
  readonly iterations: number
}

type Results = { readonly results: readonly { readonly errorCode: number }[] }

const CREATE_ACLS: LibraryApi<[creations: SeedAcl[]], Results> = {
  ...{ name: 'CreateAcls', key: 30, firstVersion: 3, flexibleFrom: 2, codecs: ['createAclsV3'] },
}
const DELETE_ACLS: LibraryApi<
  [filters: (typeof EVERY_ACL)[]],
  { readonly filterResults: readonly { readonly errorCode: number }[] }
> = {
  ...{ name: 'DeleteAcls', key: 31, firstVersion: 3, flexibleFrom: 2, codecs: ['deleteAclsV3'] },
}
type QuotaOrder = {
  entities: { entityType: SeedQuota['entities'][number]['entityType']; entityName: string | null }[]
  ops: ({ key: SeedQuota['key']; value: number; remove: false } | { key: SeedQuota['key']; remove: true })[]
}
const ALTER_QUOTAS: LibraryApi<
  [entries: QuotaOrder[], isTrial: boolean],
  { readonly entries: readonly { readonly errorCode: number }[] }
> = {
  ...{
    name: 'AlterClientQuotas',
    key: 49,
    firstVersion: 1,
    flexibleFrom: 1,
    codecs: ['alterClientQuotasV1'],
  },
}
const ALTER_USERS: LibraryApi<
  [deletions: [], upsertions: (SeedUser & { salt: Buffer; saltedPassword: Buffer })[]],
  Results
> = {
  ...{ name: 'AlterUserScramCredentials', key: 51, firstVersion: 0, flexibleFrom: 0 },
  codecs: ['alterUserScramCredentialsV0'],
}

/** Changes a cluster as its administrator would, with names that no tool takes, and within milliseconds. */
export class SeededCluster implements AsyncDisposable {
  readonly #connections: ClusterConnections

  constructor({ bootstrapServers }: Pick<KafkaCluster, 'bootstrapServers'>) {
    this.#connections = new ClusterConnections({ bootstrapServers, clientId: 'seed' })
  }

  async addAcls(acls: readonly SeedAcl[]): Promise<void> {
    const { results } = await this.#connections.askAny(CREATE_ACLS, [...acls])
    assertDone(results)
  }

  async deleteAcls(): Promise<void> {
    const { filterResults } = await this.#connections.askAny(DELETE_ACLS, [EVERY_ACL])
    assertDone(filterResults)
  }

  async setQuotas(quotas: readonly SeedQuota[]): Promise<void> {
    const orders = quotas.map(({ entities, key, value }): QuotaOrder => {
      const op = value === null ? { key, remove: true as const } : { key, value, remove: false as const }
      return { entities: [...entities], ops: [op] }
    })
    const { entries } = await this.#connections.askAny(ALTER_QUOTAS, orders, false)
    assertDone(entries)
  }

  async setUsers(users: readonly SeedUser[]): Promise<void> {
    const secret = Buffer.alloc(32, 7)
    const upserts = users.map((user) => ({ ...user, salt: secret, saltedPassword: secret }))
    const { results } = await this.#connections.askAny(ALTER_USERS, [], upserts)
    assertDone(results)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections.close()
  }
}

function assertDone(results: readonly { readonly errorCode: number }[]): void {
  const failed = results.find(({ errorCode }) => errorCode !== 0)
  if (failed) throw new Error(`the cluster answered error ${failed.errorCode}`)
}
