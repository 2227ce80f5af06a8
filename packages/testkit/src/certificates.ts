import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { type Der, der } from './der.ts'

/** A certificate and its key, in PEM (PKCS #8). */
export interface IssuedCertificate {
  readonly certificatePem: string
  readonly keyPem: string
}

/** What a certificate says. Dates in milliseconds; by default valid from yesterday for a month. */
export interface CertificateRequest {
  readonly commonName: string
  /** Host names and addresses. */
  readonly hosts?: readonly string[]
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
}

/** An authority of one test, with a certificate of its own. */
export interface CertificateAuthority extends IssuedCertificate {
  issue(request: CertificateRequest): IssuedCertificate
}

const DAY_MS = 24 * 3600 * 1000
const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  basicConstraints: '2.5.29.19',
  subjectAltName: '2.5.29.17',
} as const

/** Makes an authority, self-signed. */
export function createAuthority(commonName: string): CertificateAuthority {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const self = { commonName, key: privateKey }
  const own = certificateOf(self, { request: { commonName }, key: privateKey, isAuthority: true })
  return {
    ...own,
    issue(request) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return certificateOf(self, { request, key: pair.privateKey, isAuthority: false })
    },
  }
}

interface Subject {
  readonly request: CertificateRequest
  readonly key: KeyObject
  readonly isAuthority: boolean
}

/** X.509 version 3 (RFC 5280), signed with ECDSA and SHA-256. */
function certificateOf(issuer: { commonName: string; key: KeyObject }, subject: Subject): IssuedCertificate {
  const { request, key } = subject
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256))
  const nowMs = Date.now()
  const body = der.sequence(
    der.context(0, der.integer(Buffer.from([2]))),
    der.integer(Buffer.from([1, ...randomBytes(8)])),
    algorithm,
    nameOf(issuer.commonName),
    der.sequence(
      der.time(request.notBeforeMs ?? nowMs - DAY_MS),
      der.time(request.notAfterMs ?? nowMs + 30 * DAY_MS),
    ),
    nameOf(request.commonName),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der.context(3, der.sequence(...extensionsOf(subject))),
  )
  const signature = der.bits(sign('sha256', body, issuer.key))
  return {
    certificatePem: pemOf(der.sequence(body, algorithm, signature)),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function extensionsOf({ request, isAuthority }: Subject): Der[] {
  const constraints = isAuthority ? der.sequence(der.boolean(true)) : der.sequence()
  const extensions = [der.sequence(der.oid(OID.basicConstraints), der.boolean(true), der.octets(constraints))]
  if (request.hosts) {
    const names = der.sequence(...request.hosts.map(hostName))
    extensions.push(der.sequence(der.oid(OID.subjectAltName), der.octets(names)))
  }
  return extensions
}

function hostName(host: string): Der {
  if (isIP(host) === 4) return der.contextPrimitive(7, Buffer.from(host.split('.').map(Number)))
  return der.contextPrimitive(2, Buffer.from(host))
}

function nameOf(commonName: string): Der {
  return der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.text(commonName))))
}

function pemOf(certificate: Der): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
