import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Secret } from '../../runtime/secret.ts'
import type { SaslExchange } from './sasl-exchange.ts'

/** PLAIN (RFC 4616): name and password in UTF-8, as they are. */
export function plainExchange(username: string, password: Secret): SaslExchange {
  return {
    mechanism: 'PLAIN',
    account: username,
    async begin() {
      const revealed = password.reveal()
      if (username.includes('\0') || revealed.includes('\0')) {
        throw new KafkaBackupError(
          'KB_AUTHENTICATION_FAILED',
          'PLAIN allows no zero character in name or password',
        )
      }
      return Buffer.from(`\0${username}\0${revealed}`)
    },
    answer: async () => null,
    explain: (remark) => remark,
  }
}
