import type { ClusterSecurity } from '../kafka/security.ts'
import type { CheckedValues } from './checked-values.ts'
import type { SecurityOfClusters } from './config.ts'
import type { Environment } from './interpolation.ts'
import { absolutePath } from './path-value.ts'
import type { ProblemList } from './problems.ts'
import { readSaslSecurity, SASL_NAMES } from './sasl-security.ts'
import { SectionValues } from './section-values.ts'
import type { Verb } from './setting.ts'
import { readTlsSecurity } from './tls-security.ts'

/** What the values alone do not say. */
export interface SecurityContext {
  readonly verb: Verb
  /** Relative paths start here, or at the folder of the file that they stand in. */
  readonly cwd: string
  readonly filePath: string | undefined
  readonly env: Environment
  readonly problems: ProblemList
}

/** The security settings of one cluster, and where its files are. */
export interface SecuritySection {
  readonly values: SectionValues
  readonly env: Environment
  readonly pathOf: (name: string) => string
}

const TLS_PROTOCOLS = ['SSL', 'SASL_SSL']
const SASL_PROTOCOLS = ['SASL_PLAINTEXT', 'SASL_SSL']
const TLS_NAMES = [
  'ssl_ca_location',
  'ssl_certificate_location',
  'ssl_key_location',
  'ssl_key_password',
  'ssl_verify_hostname',
]

/** The security of the cluster that a verb uses. Reads the files that are named; what is wrong is reported. */
export async function securityOfVerb(
  values: CheckedValues,
  context: SecurityContext,
): Promise<SecurityOfClusters> {
  const isSource = ['backup', 'groups', 'status'].includes(context.verb)
  if (isSource) return { source: await clusterSecurity(values, 'source', context) }
  if (context.verb === 'restore' || context.verb === 'compare')
    return { target: await clusterSecurity(values, 'target', context) }
  return {}
}

/** Undefined for PLAINTEXT, and when something is wrong. */
export async function clusterSecurity(
  values: CheckedValues,
  role: 'source' | 'target',
  context: SecurityContext,
): Promise<ClusterSecurity | undefined> {
  const prefix = `${role}.security.`
  const section: SecuritySection = {
    values: new SectionValues(values, prefix, (problem) => context.problems.add(problem)),
    env: context.env,
    pathOf: (name) => absolutePath(values, prefix + name, context),
  }
  if (section.values.isWrong('security_protocol')) return
  const protocol = section.values.get<string>('security_protocol') ?? 'PLAINTEXT'
  const hasTls = TLS_PROTOCOLS.includes(protocol)
  const hasSasl = SASL_PROTOCOLS.includes(protocol)
  // Whoever names a password or an authority does not mean to talk in the clear.
  if (!hasTls) refuseUnused(section.values, TLS_NAMES, { protocol, needed: TLS_PROTOCOLS })
  if (!hasSasl) refuseUnused(section.values, SASL_NAMES, { protocol, needed: SASL_PROTOCOLS })
  if (!hasTls && !hasSasl) return
  const tls = hasTls ? await readTlsSecurity(section) : null
  const sasl = hasSasl ? await readSaslSecurity(section) : null
  // Undefined means that a problem was reported.
  return tls === undefined || sasl === undefined ? undefined : Object.freeze({ tls, sasl })
}

function refuseUnused(
  values: SectionValues,
  names: readonly string[],
  { protocol, needed }: { protocol: string; needed: readonly string[] },
): void {
  for (const name of names) {
    if (!values.given(name)) continue
    values.complain(name, `needs security_protocol ${needed.join(' or ')}, which is ${protocol}`)
  }
}
