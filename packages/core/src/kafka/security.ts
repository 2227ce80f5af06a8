import type { Secret } from '../runtime/secret.ts'

/** How connections to a cluster are encrypted, and how the account proves itself. */
export interface ClusterSecurity {
  /** null: not encrypted. */
  readonly tls: TlsSecurity | null
  /** null: no account (or the one of the TLS certificate). */
  readonly sasl: SaslSecurity | null
}

/** Encryption. PEM texts, each of one or several certificates. */
export interface TlsSecurity {
  /** null: the authorities that the system trusts. */
  readonly trustedPem: string | null
  /** Certificate and key of the account for mutual TLS. */
  readonly identity: {
    readonly certificatePem: string
    readonly keyPem: Secret
    readonly keyPassword: Secret | null
  } | null
  /** false: whoever holds a trusted certificate is believed, whatever host it is made out to. */
  readonly verifiesHostname: boolean
}

/** A token of an identity provider. `expiresAtMs` by the clock of this machine. */
export interface BearerToken {
  readonly token: Secret
  readonly expiresAtMs: number
}

/** Gets a token that is valid now; called for every connection and every re-authentication. */
export type TokenSource = (signal?: AbortSignal) => Promise<BearerToken>

/** How the account proves itself (KIP-12, KIP-84, KIP-255). */
export type SaslSecurity =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: Secret
    }
  | {
      readonly mechanism: 'OAUTHBEARER'
      readonly tokens: TokenSource
      /** SASL extensions (KIP-342). */
      readonly extensions: ReadonlyMap<string, string>
    }
