import type { ProgramLine } from '../command.ts'

/** `kafka-backup completion` */
export const completionLine: ProgramLine = {
  name: 'completion',
  summary: 'Print a script that completes commands in bash, zsh or fish',
  description:
    'Prints a script with which a shell completes verbs, options, values that an option can have, and paths. The shell itself does that; the program is not started for it. After an update of the program the script has to be printed again, unless the shell reads it anew each time, as in the examples.',
  words: [{ flags: '<bash|zsh|fish>', description: 'the shell that reads the script' }],
  examples: [
    "echo 'source <(kafka-backup completion bash)' >> ~/.bashrc",
    "echo 'source <(kafka-backup completion zsh)' >> ~/.zshrc",
    "echo 'kafka-backup completion fish | source' \\",
    '    >> ~/.config/fish/config.fish',
  ],
  load: async () => (await import('../commands/completion.ts')).completionText,
}
