import type { IssuedCertificate } from './certificates.ts'

/** A user of the SASL listeners of a cluster. SCRAM users are created with both variants. */
export interface ClusterUser {
  readonly name: string
  readonly password: string
}

/** How a broker checks bearer tokens: `unsecured` believes them, `jwks` has keys to check their signatures. */
export type BearerChecks =
  | { readonly kind: 'unsecured' }
  | { readonly kind: 'jwks'; readonly jwksUrl: string; readonly audience: string }

/** A listener next to PLAINTEXT. A broker may have many; the name is ours and in capitals, such as `MTLS`. */
export interface SecureListener {
  readonly name: string
  readonly protocol: 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  /** Host in the addresses that brokers give; 127.0.0.1 by default. */
  readonly host?: string
  /** Of the broker, for SSL and SASL_SSL. */
  readonly certificate?: IssuedCertificate
  /** PEM: clients must have a certificate of this authority. */
  readonly clientAuthorityPem?: string
  /** For SASL. */
  readonly mechanisms?: readonly ('PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER')[]
  readonly bearer?: BearerChecks
  /** Sessions end after so long and have to be renewed (KIP-368). */
  readonly maxReauthMs?: number
}

/** What a listener needs beyond its own description. */
export interface ListenerContext {
  readonly version: string
  readonly users: readonly ClusterUser[]
}

const SECURITY = 'org.apache.kafka.common.security'

/** Broker properties of a listener's security; its address is not among them. */
export function listenerProperties(
  listener: SecureListener,
  context: ListenerContext,
): Record<string, string> {
  const prefix = `listener.name.${listener.name.toLowerCase()}`
  return {
    ...(listener.certificate ? tlsProperties(prefix, listener, listener.certificate) : {}),
    ...(listener.mechanisms ? { [`${prefix}.sasl.enabled.mechanisms`]: listener.mechanisms.join(',') } : {}),
    ...Object.assign(
      {},
      ...(listener.mechanisms ?? []).map((mechanism) =>
        mechanismProperties(`${prefix}.${mechanism.toLowerCase()}`, mechanism, { listener, context }),
      ),
    ),
  }
}

/** Arguments of `kafka-storage format` that create the users for SCRAM. */
export function scramArguments(users: readonly ClusterUser[]): string[] {
  return users.flatMap(({ name, password }) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  )
}

/** System properties that brokers with these listeners are started with. */
export function listenerSystemProperties(listeners: readonly SecureListener[]): Record<string, string> {
  const urls = listeners.flatMap(({ bearer }) => (bearer?.kind === 'jwks' ? [bearer.jwksUrl] : []))
  return urls.length === 0
    ? {}
    : { 'org.apache.kafka.sasl.oauthbearer.allowed.urls': [...new Set(urls)].join(',') }
}

function tlsProperties(
  prefix: string,
  listener: SecureListener,
  certificate: IssuedCertificate,
): Record<string, string> {
  const properties: Record<string, string> = {
    [`${prefix}.ssl.keystore.type`]: 'PEM',
    [`${prefix}.ssl.keystore.certificate.chain`]: certificate.certificatePem,
    [`${prefix}.ssl.keystore.key`]: certificate.keyPem,
  }
  if (listener.clientAuthorityPem !== undefined) {
    properties[`${prefix}.ssl.truststore.type`] = 'PEM'
    properties[`${prefix}.ssl.truststore.certificates`] = listener.clientAuthorityPem
    properties[`${prefix}.ssl.client.auth`] = 'required'
  }
  return properties
}

function mechanismProperties(
  prefix: string,
  mechanism: string,
  { listener, context }: { listener: SecureListener; context: ListenerContext },
): Record<string, string> {
  const properties: Record<string, string> = {}
  if (listener.maxReauthMs !== undefined) {
    properties[`${prefix}.connections.max.reauth.ms`] = String(listener.maxReauthMs)
  }
  if (mechanism === 'PLAIN') {
    const accounts = context.users.map(({ name, password }) => `user_${name}="${password}"`).join(' ')
    properties[`${prefix}.sasl.jaas.config`] = `${SECURITY}.plain.PlainLoginModule required ${accounts};`
  } else if (mechanism === 'OAUTHBEARER') {
    const claims = listener.bearer?.kind === 'jwks' ? '' : ' unsecuredLoginStringClaim_sub="broker"'
    properties[`${prefix}.sasl.jaas.config`] =
      `${SECURITY}.oauthbearer.OAuthBearerLoginModule required${claims};`
    Object.assign(properties, bearerProperties(prefix, listener, context))
  } else {
    properties[`${prefix}.sasl.jaas.config`] = `${SECURITY}.scram.ScramLoginModule required;`
  }
  return properties
}

function bearerProperties(
  prefix: string,
  { bearer }: SecureListener,
  { version }: ListenerContext,
): Record<string, string> {
  if (bearer?.kind !== 'jwks') return {}
  // The class moved in 4.0.
  const home = `${SECURITY}.oauthbearer${version.startsWith('3.') ? '.secured' : ''}`
  return {
    [`${prefix}.sasl.server.callback.handler.class`]: `${home}.OAuthBearerValidatorCallbackHandler`,
    [`${prefix}.sasl.oauthbearer.jwks.endpoint.url`]: bearer.jwksUrl,
    [`${prefix}.sasl.oauthbearer.expected.audience`]: bearer.audience,
  }
}
