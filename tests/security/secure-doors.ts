import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ADMIN_USER, type SecureCluster, type SecureListenerName } from '@kafka-backup/testkit'

/** Security settings as a file has them. */
export type SecuritySettings = Readonly<Record<string, string | boolean>>

/** A listener and how one gets through it. */
export interface Door {
  readonly listener: SecureListenerName
  readonly security: SecuritySettings
}

/** Settings of {@link Door}s, by what they use. */
export interface Doors {
  readonly tls: SecuritySettings
  readonly mutualTls: SecuritySettings
  readonly account: (mechanism: string | undefined, password?: string) => SecuritySettings
  readonly tokenEndpoint: SecuritySettings
  readonly tokenFile: (path: string) => SecuritySettings
}

const ACCOUNT_PROTOCOL = 'SASL_PLAINTEXT'

/** Writes the PEM files of a cluster into a folder `pem` beside the configuration files. */
export async function prepareDoors(secured: SecureCluster, folder: string): Promise<Doors> {
  await mkdir(join(folder, 'pem'), { recursive: true })
  const stranger = secured.strangeAuthority.issue({ commonName: 'client' })
  const files = {
    ca: secured.authority.certificatePem,
    client: secured.clientCertificate.certificatePem,
    'client-key': secured.clientCertificate.keyPem,
    stranger: stranger.certificatePem,
    'stranger-key': stranger.keyPem,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'pem', `${name}.pem`), text)
  const tls = { security_protocol: 'SSL', ssl_ca_location: 'pem/ca.pem' }
  return {
    tls,
    mutualTls: {
      ...tls,
      ssl_certificate_location: 'pem/client.pem',
      ssl_key_location: 'pem/client-key.pem',
    },
    account: (mechanism, password = ADMIN_USER.password) => ({
      security_protocol: ACCOUNT_PROTOCOL,
      ...(mechanism === undefined ? {} : { sasl_mechanism: mechanism }),
      sasl_username: ADMIN_USER.name,
      sasl_password: password,
    }),
    tokenEndpoint: {
      security_protocol: ACCOUNT_PROTOCOL,
      sasl_mechanism: 'OAUTHBEARER',
      sasl_oauthbearer_token_endpoint_url: secured.tokens.tokenUrl,
      sasl_oauthbearer_client_id: secured.tokens.clientId,
      sasl_oauthbearer_client_secret: secured.tokens.clientSecret,
      sasl_oauthbearer_scope: 'kafka',
    },
    tokenFile: (path) => ({
      security_protocol: ACCOUNT_PROTOCOL,
      sasl_mechanism: 'OAUTHBEARER',
      sasl_oauthbearer_token_file: path,
    }),
  }
}

/** Writes a configuration file that goes through `door`, and gives its path. */
export async function configFor(
  secured: SecureCluster,
  folder: string,
  section: 'source' | 'target',
  door: Door,
): Promise<string> {
  const path = join(folder, `${section}-${door.listener.toLowerCase()}.yaml`)
  const cluster = { bootstrap_servers: [secured.address(door.listener)], security: door.security }
  // JSON is YAML.
  await writeFile(path, JSON.stringify({ [section]: cluster }))
  return path
}
