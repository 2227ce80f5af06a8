import type { AclEntry } from '@kafka-backup/core'
import { isShellWord } from '@kafka-backup/core/runtime'
import { aclText } from './render/cluster-text.ts'
import { shownName } from './render/shown-name.ts'
import { plural } from './render/units.ts'
import type { SetupPlan, SetupStep } from './setup-steps.ts'

/** Flags of kafka-acls for a resource; null: it has no name there. */
const RESOURCE_FLAGS: Readonly<Record<string, string | null>> = {
  TOPIC: '--topic',
  GROUP: '--group',
  CLUSTER: null,
  TRANSACTIONAL_ID: '--transactional-id',
  DELEGATION_TOKEN: '--delegation-token',
  USER: '--user-principal',
}
/** Names of resources in one call: each call starts a Java, and a line has its limits. */
const RESOURCES_MAX = 50
/** kafka-acls trims principals, hosts and names of resources as Java does. */
const TRIMMED = /^[\0- ]|[\0- ]$/

/** As few calls of kafka-acls as there are kinds of ACLs; each of them for a principal. Pure. */
export function aclSteps(acls: readonly AclEntry[]): SetupPlan {
  const isSayable = Map.groupBy(acls, canBeSaid)
  const ofResource = Map.groupBy(isSayable.get(true) ?? [], ({ operation: _, ...rest }) =>
    JSON.stringify(Object.values(rest)),
  )
  // The same operations of the same principal for several resources are one call.
  const calls = Map.groupBy([...ofResource.values()], (own) => {
    const { resourceType, pattern, principal, host, permission } = own[0] as AclEntry
    return JSON.stringify([
      resourceType,
      pattern,
      principal,
      host,
      permission,
      own.map((acl) => acl.operation),
    ])
  })
  const steps = [...calls.values()].flatMap((resources) => {
    const parts: SetupStep[] = []
    for (let at = 0; at < resources.length; at += RESOURCES_MAX)
      parts.push(stepOf(resources.slice(at, at + RESOURCES_MAX)))
    return parts
  })
  const left = (isSayable.get(false) ?? []).map((acl) => {
    return { what: `ACL ${aclText(acl)}`, reason: 'kafka-acls cannot say it', isMissing: true }
  })
  return { steps, left }
}

function canBeSaid(acl: AclEntry): boolean {
  const { resourceType, resource, pattern, principal, host, operation, permission } = acl
  const isKnown =
    Object.hasOwn(RESOURCE_FLAGS, resourceType) &&
    (pattern === 'LITERAL' || pattern === 'PREFIXED') &&
    (permission === 'ALLOW' || permission === 'DENY') &&
    !operation.startsWith('UNKNOWN_')
  const texts = [resource, principal, host]
  const isWhole = (text: string) => text !== '' && !TRIMMED.test(text) && isShellWord(text)
  return isKnown && principal.includes(':') && texts.every(isWhole)
}

/** `resources`: the ACLs of each, which differ in the name of the resource only. */
function stepOf(resources: readonly (readonly AclEntry[])[]): SetupStep {
  const [first = []] = resources
  const { resourceType, pattern, principal, host, permission } = first[0] as AclEntry
  const verb = permission.toLowerCase()
  const flag = RESOURCE_FLAGS[resourceType]
  const names = resources.map(([acl]) => acl?.resource ?? '')
  const operations = first.map((acl) => acl.operation)
  const words = [
    ...['--add', `--${verb}-principal=${principal}`, `--${verb}-host=${host}`],
    ...operations.map((operation) => `--operation=${toolName(operation)}`),
    `--resource-pattern-type=${pattern.toLowerCase()}`,
    ...(flag === null ? ['--cluster'] : names.map((name) => `${flag}=${name}`)),
  ]
  const where =
    names.length === 1 ? `${resourceType} ${shownName(names[0] ?? '')}` : plural(names.length, resourceType)
  const what = `${permission} ${operations.join(', ')} on ${where} (${pattern}) to ${shownName(principal)} from ${shownName(host)}`
  return { tool: 'kafka-acls', words, what }
}

/** `DESCRIBE_CONFIGS` is `DescribeConfigs` to the tool. */
function toolName(operation: string): string {
  return operation
    .split('_')
    .map((word) => `${word.charAt(0)}${word.slice(1).toLowerCase()}`)
    .join('')
}
