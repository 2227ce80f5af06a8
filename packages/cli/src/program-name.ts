/** Version of this program. */
export const VERSION = '0.1.0'

/** What stands in commits. */
export const PROGRAM = `kafka-backup ${VERSION}`

/** What brokers see in their logs and quotas. */
export const CLIENT_ID = 'kafka-backup'
