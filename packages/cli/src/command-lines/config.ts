import type { CommandLine } from '../command.ts'

type DirectedVerb = 'backup' | 'restore'

/** `kafka-backup config check backup` and its likes. */
export const configLines: readonly CommandLine[] = [
  checkLine('backup'),
  checkLine('restore'),
  explainLine('backup'),
  explainLine('restore'),
]

function checkLine(verb: DirectedVerb): CommandLine {
  return {
    name: `config check ${verb}`,
    summary: `Say everything that is wrong with the settings of a ${verb}`,
    description: `Reads the file, the environment and the flags as ${verb} does, and the files that they name, and says all that ${verb} would refuse of them, with lines and keys. It asks no cluster and no store: whether those let anybody in is not tried. Exit code 2: there are objections.`,
    verb,
    isAboutSettings: true,
    options: [],
    examples: [
      `kafka-backup config check ${verb} --config ${verb}.yaml`,
      `kafka-backup config check ${verb} --config ${verb}.yaml \\`,
      '    --backup-id daily --output-format json',
    ],
    load: async () => (await import('../commands/config-check.ts')).configCheckCommand,
  }
}

function explainLine(verb: DirectedVerb): CommandLine {
  return {
    name: `config explain ${verb}`,
    summary: `Show the settings of a ${verb}, and where each comes from`,
    description: `Shows every setting that ${verb} would work with, its value, and where that comes from: a flag counts before an environment variable, that before the file, and the file before the default. Secrets are not shown. It asks no cluster and no store. Exit code 2: ${verb} would refuse the settings.`,
    verb,
    isAboutSettings: true,
    options: [{ flags: '--given', description: 'only settings that somebody gave, no defaults' }],
    examples: [
      `kafka-backup config explain ${verb} --config ${verb}.yaml`,
      `kafka-backup config explain ${verb} --config ${verb}.yaml --given`,
    ],
    load: async () => (await import('../commands/config-explain.ts')).configExplainCommand,
  }
}
