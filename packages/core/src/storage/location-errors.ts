import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/** KB_LOCATION_INVALID that shows the location without what may be a secret in it. */
export function invalidLocation(
  location: string,
  reason: string,
  hint: string,
  cause?: unknown,
): KafkaBackupError {
  const message = `invalid location ${withoutSecrets(location)}: ${reason}`
  return new KafkaBackupError('KB_LOCATION_INVALID', message, { hint, cause })
}

/** For schemes that take none of them: refuses query parameters, fragments and accounts. @throws KB_LOCATION_INVALID */
export function refuseLocationExtras(url: URL): void {
  const [parameter] = url.searchParams.keys()
  if (parameter !== undefined) {
    throw invalidLocation(url.href, `unknown parameter ${parameter}`, 'Remove everything from the ? on.')
  }
  if (url.search !== '' || url.hash !== '' || url.href.endsWith('?') || url.href.endsWith('#')) {
    throw invalidLocation(url.href, 'it has a ? or a #', 'Write a literal ? as %3F and a literal # as %23.')
  }
  if (url.username !== '' || url.password !== '') {
    throw invalidLocation(url.href, 'it takes no account', 'Remove the part before the @.')
  }
}

function withoutSecrets(location: string): string {
  return location.replace(/^([a-z][a-z0-9+.-]*:(?:\/\/)?).*@/is, '$1…@').replace(/[?#].*$/s, '')
}
