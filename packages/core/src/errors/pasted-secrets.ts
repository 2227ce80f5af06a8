// What is percent-encoded has no border of a word in front of a name.
const START = String.raw`(?:\b|(?<=%[0-9a-f]{2}))`
const ASSIGNED = String.raw`(?:\s*=\s*|%3D)`
/** Names whose values are secrets wherever they stand: in connection strings, addresses, commands and files that somebody pasted. */
const NAMES = [
  'account_?key',
  'shared_?access_?key',
  'sig',
  String.raw`\w*pass(?:word|wd)`,
  String.raw`aws_(?:secret|session)\w*`,
  'secret(?:_?(?:access_?)?key)?',
  'client_?secret',
  'sas_?token',
  'session_?token',
]
/** To the end of a part of a connection string or an address, however it is written. */
const VALUE = String.raw`(?!…)(?:"[^"]*"|'[^']*'|(?:(?!%3B|%26|…)[^;&\s"'])+)`
/** It has parts joined by `&`, of which more than one tells something. */
const SIGNATURE = String.raw`(?!…)(?:(?!%3B|…)[^;\s"'])+`

const SECRETS = new RegExp(`${START}(${NAMES.join('|')})(${ASSIGNED})${VALUE}`, 'gi')
const SHARED_ACCESS = new RegExp(`${START}(shared_?access_?signature)(${ASSIGNED})${SIGNATURE}`, 'gi')
const CONNECTION_STRING = new RegExp(
  `${START}(?:account_?key|shared_?access_?(?:key|signature)|default_?endpoints_?protocol)${ASSIGNED}`,
  'i',
)

/** A text with `…` in place of the secrets that it names, such as `AccountKey=…`: for whatever repeats what somebody wrote. */
export function withoutPastedSecrets(text: string): string {
  if (!text.includes('=') && !/%3D/i.test(text)) return text
  return text.replace(SHARED_ACCESS, '$1$2…').replace(SECRETS, '$1$2…')
}

/** True for a text with a connection string in it, as the portal of Azure gives it to be pasted. */
export function holdsConnectionString(text: string): boolean {
  return CONNECTION_STRING.test(text)
}
