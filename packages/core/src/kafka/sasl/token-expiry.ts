import { LIMITS } from '../../runtime/limits.ts'

/**
 * When a token says it expires (`exp` of RFC 7519), in milliseconds; null when it is no JWT or does not say. Nothing is verified:
 * that is the broker's part.
 */
export function tokenExpiryMs(token: string): number | null {
  const payload = token.split('.')[1]
  if (payload === undefined || token.length > LIMITS.tokenMaxBytes) return null
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp?: unknown }
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : null
  } catch {
    return null
  }
}
