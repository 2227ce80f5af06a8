import type { ProgramLine } from '../command.ts'

/** `kafka-backup man` */
export const manLine: ProgramLine = {
  name: 'man',
  summary: 'Print the manual page of this program',
  description:
    'Prints a manual page with every verb and option, in the format that man reads. It is made from the program itself, so that it fits the version that is installed.',
  examples: ['kafka-backup man | man -l -', 'kafka-backup man > /usr/local/share/man/man1/kafka-backup.1'],
  load: async () => (await import('../commands/man.ts')).manText,
}
