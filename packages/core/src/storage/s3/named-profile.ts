import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'

/** Larger files are not looked through; people have some ten profiles. */
const FILE_MAX_BYTES = 1024 * 1024
const ALWAYS_THERE = 'default'

/**
 * Refuses a profile that none of the shared files of AWS has, as the tools of AWS do; the SDK would go on without it, and take
 * another identity where it finds one. `namedBy` is the setting or the variable that names it. @throws KB_CONFIG_INVALID
 */
export async function assertProfile(namedBy: string, profile: string): Promise<void> {
  if (profile === ALWAYS_THERE) return
  const files = [
    { path: pathOf('AWS_SHARED_CREDENTIALS_FILE', 'credentials'), section: /^\s*\[\s*(.+?)\s*\]/gm },
    {
      path: pathOf('AWS_CONFIG_FILE', 'config'),
      section: /^\s*\[\s*profile\s+["']?(.+?)["']?\s*\]/gm,
    },
  ]
  for (const { path, section } of files) {
    const text = await textOf(path)
    if (text === undefined || [...text.matchAll(section)].some(([, name]) => name === profile)) return
  }
  const places = files.map(({ path }) => path).join(' or ')
  throw new KafkaBackupError(
    'KB_CONFIG_INVALID',
    `there is no profile ${profile} of AWS, which ${namedBy} names, in ${places}`,
    { hint: 'Correct the name, or make the profile with: aws configure --profile NAME' },
  )
}

function pathOf(variable: string, name: string): string {
  return process.env[variable] || join(homedir(), '.aws', name)
}

/** Empty for a file that is not there; undefined: it cannot be known what it has. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    return size > FILE_MAX_BYTES ? undefined : await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? '' : undefined
  }
}
