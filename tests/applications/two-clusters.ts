import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type KafkaCluster, type KafkaVersion, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { kafkaHome, runScript } from '../harness/tool-scripts.ts'

/** A cluster with an application, and an empty one that takes its place. */
export interface TwoClusters extends AsyncDisposable {
  readonly source: KafkaCluster
  readonly target: KafkaCluster
  readonly archive: Archive
}

/** Both of one version. */
export async function startTwoClusters(version: KafkaVersion): Promise<TwoClusters> {
  const [source, target] = await Promise.all([startKafkaCluster({ version }), startKafkaCluster({ version })])
  const archive = { folder: join(source.folder, 'repository'), backupId: 'application' }
  const close = async () => void (await Promise.all([source.close(), target.close()]))
  return { source, target, archive, [Symbol.asyncDispose]: close }
}

/** Backs the topics up, ends the source, and restores them under their own names; returns the id of the restore. */
export async function moveTopics(clusters: TwoClusters, topics: readonly string[]): Promise<string> {
  const { source, target, archive } = clusters
  await expectExit(0, backupArgs(source, archive, topics))
  for (const broker of source.brokers) await broker.kill()
  const names = new Map(topics.map((topic) => [topic, topic]))
  const end = await expectExit(0, restoreArgs(target, archive, names))
  return end.json<{ readonly restore_id: string }>().restore_id
}

/** Generates the script that lets a group go on behind a restore, and runs it as it is; fails with what it printed. */
export async function moveGroup(clusters: TwoClusters, restoreId: string, group: string): Promise<void> {
  const { target, archive } = clusters
  const file = join(target.folder, `reset-${group}.sh`)
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const what = ['--restore', restoreId, '--groups', group, '--execute']
  const where = ['--bootstrap-servers', target.bootstrap, '--output', file]
  await expectExit(0, ['offset-reset', 'script', ...place, ...what, ...where])
  const { exitCode, stdout, stderr } = await runScript(file, await kafkaHome(target))
  if (exitCode !== 0) throw new Error(`the script ended with ${exitCode}:\n${stdout}${stderr}`)
}
