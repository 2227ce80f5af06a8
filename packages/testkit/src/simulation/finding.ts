/**
 * What can be wrong with an archive. `lost`: not there, and not rightly declared. `doubled`: there twice. `reordered`: not in the order
 * of its log. `phantom`: in no log, or of an aborted transaction and shown as committed. `altered`: other bytes. `undeclared`: two
 * histories in one, or an end that sounds better than it is. `broken`: the run itself did what no run may.
 */
export type FindingClass = 'lost' | 'doubled' | 'reordered' | 'phantom' | 'altered' | 'undeclared' | 'broken'

export interface Finding {
  readonly class: FindingClass
  readonly where: string
  readonly detail: string
}
