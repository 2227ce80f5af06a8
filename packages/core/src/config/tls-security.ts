import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { TlsSecurity } from '../kafka/security.ts'
import { Secret } from '../runtime/secret.ts'
import type { SecuritySection } from './cluster-security.ts'
import { readPemFile } from './pem-file.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const CA = 'ssl_ca_location'
const CERT = 'ssl_certificate_location'
const KEY = 'ssl_key_location'
const KEY_PASSWORD = 'ssl_key_password'

/** Undefined when something was reported as wrong. */
export async function readTlsSecurity(section: SecuritySection): Promise<TlsSecurity | undefined> {
  const { values } = section
  const trustedPem = values.given(CA) ? await readCertificates(section, CA) : null
  const identity = await readIdentity(section)
  if (trustedPem === undefined || identity === undefined) return
  return Object.freeze({
    trustedPem,
    identity,
    verifiesHostname: values.get<boolean>('ssl_verify_hostname') ?? true,
  })
}

/** PEM of certificates that can all be read; undefined when something was reported as wrong. */
export async function readCertificates(section: SecuritySection, name: string): Promise<string | undefined> {
  const text = await readPemFile(section, name)
  if (text === undefined) return
  const certificates = text.match(CERTIFICATE) ?? []
  if (certificates.length > 0 && certificates.every(isCertificate)) return text
  const what = certificates.length === 0 ? 'holds no certificate' : 'holds a certificate that cannot be read'
  section.values.complain(name, `names a file that ${what}: ${section.values.shown(name)}`)
  return undefined
}

async function readIdentity(section: SecuritySection): Promise<TlsSecurity['identity'] | undefined> {
  const { values } = section
  const [hasCertificate, hasKey] = [CERT, KEY].map((name) => values.given(name) !== undefined)
  if (hasCertificate && !hasKey) return values.complain(CERT, `needs ${KEY} too`) as undefined
  if (hasKey && !hasCertificate) return values.complain(KEY, `needs ${CERT} too`) as undefined
  if (!hasKey) {
    if (!values.given(KEY_PASSWORD)) return null
    return values.complain(KEY_PASSWORD, `needs ${KEY} too`) as undefined
  }
  const certificatePem = await readCertificates(section, CERT)
  const keyPem = await readPemFile(section, KEY)
  if (certificatePem === undefined || keyPem === undefined) return
  const keyPassword = values.get<Secret>(KEY_PASSWORD) ?? null
  const key = readKey(section, keyPem, keyPassword)
  if (!key) return
  if (!new X509Certificate(certificatePem).checkPrivateKey(key)) {
    return values.complain(KEY, `names the key of another certificate than ${CERT}`) as undefined
  }
  return Object.freeze({ certificatePem, keyPem: new Secret(keyPem), keyPassword })
}

function readKey(section: SecuritySection, pem: string, password: Secret | null): KeyObject | undefined {
  const { values } = section
  try {
    return createPrivateKey(password ? { key: pem, passphrase: password.reveal() } : pem)
  } catch {
    // OpenSSL's own sentences are about decoders and say nothing to anybody.
    const isEncrypted = /-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem)
    if (isEncrypted && password === null) values.complain(KEY, `names a key that needs ${KEY_PASSWORD}`)
    else if (isEncrypted) values.complain(KEY_PASSWORD, `is not the password of the key in ${KEY}`)
    else values.complain(KEY, `names a file that holds no key: ${values.shown(KEY)}`)
    return undefined
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}
