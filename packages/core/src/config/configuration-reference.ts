import { LIMITS } from '../runtime/limits.ts'
import type { Setting, SettingType } from './setting.ts'
import { SETTING_ALIASES } from './setting-aliases.ts'
import { flagOf } from './setting-names.ts'
import { listed } from './setting-value.ts'
import { SETTINGS } from './settings.ts'

const INTRODUCTION = `# Configuration

<!-- Made from the table of settings in packages/core/src/config by
     node packages/core/test/config/write-reference.ts — do not edit. -->

Every setting can be written in a YAML file, and nearly every one also as a flag or as an environment variable.
For each setting the strongest source counts:

1. the flag, such as \`--compression-level 9\`
2. the environment variable: \`KAFKA_BACKUP_\` and the path in capitals, dots as underscores, such as
   \`KAFKA_BACKUP_BACKUP_COMPRESSION_LEVEL=9\` (an empty variable counts as not set)
3. the file
4. the default

\`\`\`yaml
# backup.yaml
backup_id: daily
source:
  bootstrap_servers: [broker-1:9092, broker-2:9092]
  topics:
    include: [orders, payments-*]
storage:
  backend: filesystem
  path: /var/backups/kafka
backup:
  compression_level: 9
\`\`\`

The same without a file:

\`\`\`console
$ kafka-backup backup --bootstrap-servers broker-1:9092,broker-2:9092 --topics 'orders,payments-*' \\
    --repo file:///var/backups/kafka --backup-id daily --compression-level 9
\`\`\`

## Rules

- **Variables.** \`\${NAME}\` in a value of the file is replaced by the environment variable, \`\${NAME:-text}\` by
  \`text\` if the variable is unset or empty; \`$\${NAME}\` is the literal text \`\${NAME}\`. The file is parsed first, so
  a variable is always one value and never YAML. A variable that is not set is an error. Keys are not replaced.
- **Lists** may be written as one text with commas; flags and environment variables are written like that. A flag may be given several times.
- **Topics.** A name without \`*\` and \`?\` is exact and must exist. In a glob, \`*\` is any text and \`?\` one character.
  After \`~\` stands a regular expression ([RE2 syntax](https://github.com/google/re2/wiki/Syntax): no look-around, no
  references back, linear time), which must match the whole name: \`~orders\` is only \`orders\`, \`~orders.*\` all that
  begins with it. Inside an expression, commas in brackets belong to it: \`~day-[0-9]{1,2},orders\` are two patterns.
  Quote it: a shell takes \`~\` for a home folder, and YAML takes brackets for lists. An expression may have
  ${LIMITS.topicExpressionMaxLength} characters, counts of repetitions up to ${LIMITS.topicExpressionMaxRepeat}, and ${LIMITS.topicExpressionMaxSteps} steps once repetitions are written out.
- **Internal topics** begin with \`__\`. A backup takes them by their exact names, in \`source.topics.include\` or in
  \`backup.internal_topics\`; globs and expressions match them only with \`backup.include_internal_topics\`. What is
  excluded stays excluded, however it was included. A restore takes whatever is in the backup.
- **Partitions** in \`backup.partitions\` are numbers and ranges, both ends included. \`0-3,orders:7\` is partition 7 of
  \`orders\` and partitions 0 to 3 of every other topic; \`orders:7\` alone leaves other topics whole.
- **Unknown keys** inside a section are errors, with a suggestion. A top-level section that is not listed here is
  ignored with a warning. A key that is written twice is an error.
- **One file for several verbs** is fine: \`source\` and \`backup\` are for \`backup\`, \`target\` and \`restore\` for
  \`restore\`. Values of the other sections are checked, but what they need or cannot have yet does not matter.
- **The repository** is either \`repo\` (or \`--repo\`) or the section \`storage\`. A stronger source replaces the other.
- **Kept files.** Besides what \`offset_storage\` says, the program keeps its own compiled code in
  \`$XDG_CACHE_HOME/kafka-backup\` (\`~/.cache/kafka-backup\`), some 8 MB, so that it starts in half the time. The folder may be
  removed at any time, and nothing fails without it. \`NODE_COMPILE_CACHE\` names another one, \`NODE_DISABLE_COMPILE_CACHE=1\` none.
- A file may have 1 MiB. YAML tags for other types are refused; anchors and aliases work.
`

/** The text of docs/configuration.md. */
export function renderConfigurationReference(): string {
  const withStatus = (kind: Setting['status']['kind']): readonly Setting[] =>
    SETTINGS.filter(({ status }) => status.kind === kind)
  return [
    INTRODUCTION,
    '## Settings\n',
    table(['Key', 'Value', 'Default', 'Flag', 'Meaning'], withStatus('effective').map(effectiveRow)),
    '## Limited to one value in this version\n',
    'Anything else than the value of the second column is refused before a run begins. Where there is none, the key\ncannot be set.\n',
    table(['Key', 'Only', 'Meaning', 'Why'], withStatus('refused').map(refusedRow)),
    '## Without effect in this version\n',
    'These load with a warning, unless they say what happens anyway.\n',
    table(['Key', 'Meaning', 'Why'], withStatus('accepted').map(acceptedRow)),
    '## Other spellings\n',
    'For files that have them; each means the same as the key beside it.\n',
    table(['In the file', 'Means'], SETTING_ALIASES.map(aliasRow)),
    'As `backup.topics`, the text `.*` stands for all topics.\n',
  ].join('\n')
}

function effectiveRow(setting: Setting): readonly string[] {
  return [
    code(setting.path),
    typeText(setting),
    defaultText(setting),
    code(flagOf(setting)),
    setting.description,
  ]
}

function refusedRow(setting: Setting): readonly string[] {
  const { status } = setting
  const reasons = status.kind === 'refused' ? Object.entries(status.becauseOf ?? {}) : []
  const because = [
    status.kind === 'refused' ? status.because : '',
    ...reasons.map(([value, reason]) => `${code(value)}: ${reason}`),
  ]
  return [code(setting.path), defaultText(setting), setting.description, because.join('; ')]
}

function acceptedRow(setting: Setting): readonly string[] {
  const because = setting.status.kind === 'accepted' ? setting.status.because : ''
  return [code(setting.path), setting.description, because]
}

function aliasRow(alias: (typeof SETTING_ALIASES)[number]): readonly string[] {
  const inRestore = alias.meaningInRestore ? `; in a restore ${code(alias.meaningInRestore)}` : ''
  return [code(alias.path), `${code(alias.meaning)}${inRestore}`]
}

function typeText({ type, unit }: Setting): string {
  const words: Record<SettingType['kind'], string> = {
    integer: type.kind === 'integer' ? `${type.min} to ${type.max}` : '',
    boolean: 'true or false',
    string: 'text',
    choice: type.kind === 'choice' ? listed(type.choices.map((word) => code(word))) : '',
    list: 'list',
    pairs: 'map',
    sections: 'section, or map',
    secret: 'secret',
    structure: 'section',
  }
  return unit === undefined ? words[type.kind] : `${words[type.kind]} ${unit}`
}

function defaultText({ default: value }: Setting): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.length === 0 ? 'none' : code(value.join(','))
  return value instanceof Map ? 'none' : code(String(value))
}

function code(text: string | undefined): string {
  return text === undefined ? '' : `\`${text}\``
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line), ''].join('\n')
}
