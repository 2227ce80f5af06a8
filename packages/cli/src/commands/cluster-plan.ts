import { requireBackupId, requireCluster } from '@kafka-backup/core/config'
import { openAsOf } from '../as-of-state.ts'
import type { Command } from '../command.ts'
import { writeNewScript } from '../new-script.ts'
import { openStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { type KnownCluster, readKnownCluster } from '../read-cluster.ts'
import { renderSetupScript } from '../render/setup-script.ts'
import { formatTime, plural } from '../render/units.ts'
import { type LeftOut, planSetup, type SetupPlan } from '../setup-steps.ts'

const INCOMPLETE = 3

/** What `kafka-backup cluster plan` does. */
export const clusterPlanCommand: Command = {
  async run(context) {
    const storage = openStorage(context)
    try {
      const { bootstrapServers } = requireCluster(context.loaded.config, 'target')
      const isExecuting = context.options.execute === true
      const { asked } = await openAsOf(context, storage, requireBackupId(context.loaded.config))
      const known = await readKnownCluster(storage, asked, context.signal)
      const plan = planSetup(known)
      const script = renderSetupScript(plan, { bootstrapServers, isExecuting, origin: originOf(known) })
      const file = context.options.output as string | undefined
      if (file !== undefined) await writeNewScript(file, script)
      const exitCode = plan.left.some(({ isMissing }) => isMissing) ? INCOMPLETE : 0
      const document = { ...planDocument(known, plan), executes: isExecuting, file: file ?? null }
      if (file !== undefined) return { document, text: writtenText(file, plan, isExecuting), exitCode }
      for (const entry of plan.left) context.say(leftText(entry))
      // The end of the line comes with whoever prints it.
      return { document: { ...document, script }, text: script.trimEnd(), exitCode }
    } finally {
      await storage.close()
    }
  },
}

function originOf({ state, cluster, topics }: KnownCluster): string[] {
  const readAtMs = cluster?.readAtMs ?? topics?.readAtMs ?? null
  return [
    `Written by ${PROGRAM} from backup ${state.backupId}`,
    `Cluster ${cluster?.clusterId ?? state.source?.clusterId ?? ''} as of commit ${state.tip?.number ?? 0n}, read ${formatTime(readAtMs)}`,
  ]
}

function leftText({ what, reason }: LeftOut): string {
  return `Left out: ${what}: ${reason}`
}

function writtenText(file: string, { steps, left }: SetupPlan, isExecuting: boolean): string {
  const does = isExecuting ? 'does' : 'says, without changing anything, how to do'
  return [`Written to ${file}: it ${does} ${plural(steps.length, 'step')}`, ...left.map(leftText)].join('\n')
}

function planDocument({ state, cluster }: KnownCluster, { steps, left }: SetupPlan) {
  return {
    kind: 'cluster_plan',
    version: 1,
    backup_id: state.backupId,
    commit: state.tip?.number ?? 0n,
    cluster_id: cluster?.clusterId ?? state.source?.clusterId ?? null,
    steps: steps.map(({ tool, words, what }) => ({ tool, words, what })),
    left_out: left.map(({ what, reason, isMissing }) => ({ what, reason, is_missing: isMissing })),
  }
}
