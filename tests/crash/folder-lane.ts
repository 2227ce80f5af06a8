import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, openKafkaProxy } from '@kafka-backup/testkit'
import { openFilesystem } from '../../packages/core/src/storage/filesystem/location.ts'
import type { Archive } from '../harness/archive.ts'
import { type AimedRun, type CrashLane, type CrashPoint, kindOfKey } from './crash-point.ts'

const DIES = new URL('./children/die-at-file-call.ts', import.meta.url).href

/** Repositories in folders, one for each backup, so that each run makes its repository. Runs die at calls that change files there. */
export async function openFolderLane(cluster: KafkaCluster): Promise<CrashLane> {
  const kafka = await openKafkaProxy(cluster)
  const above = ({ backupId }: Archive) => join(cluster.folder, 'folders', backupId)
  const archive = (backupId: string): Archive => ({
    folder: join(cluster.folder, 'folders', backupId, 'repository'),
    backupId,
  })
  return {
    kafka,
    archive,
    place: ({ folder }) => ({ args: ['--repo', pathToFileURL(folder).href], env: {} }),
    aim: (aimedAt, point) => aimAtCall(above(aimedAt), aimedAt, point),
    openStorage: ({ folder }) => openFilesystem(pathToFileURL(folder)),
    [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
  }
}

function aimAtCall(above: string, archive: Archive, point: CrashPoint | null): AimedRun {
  mkdirSync(above, { recursive: true })
  const list = `${above}.calls`
  const kind = point?.kind ? { DIE_KIND: point.kind } : {}
  const at = point ? { DIE_AT: String(point.at), DIE_WHEN: point.when, ...kind } : {}
  return {
    env: { NODE_OPTIONS: `--import=${DIES}`, DIE_BELOW: above, CALLS_LIST: list, ...at },
    watch: () => undefined,
    async end() {
      const lines = (await readFile(list, 'utf8')).trimEnd().split('\n')
      const passed = lines.map((line) => {
        const { what = '', path = '' } = /^(?<what>.+?) (?<path>\/.*)$/.exec(line)?.groups ?? {}
        return `${what} ${kindOfKey(relative(archive.folder, path), archive.backupId)}`
      })
      return { before: passed, after: passed }
    },
  }
}
