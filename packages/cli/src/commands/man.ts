import type { ProgramText } from '../command.ts'
import { VERSION } from '../program-name.ts'
import { manPage } from '../render/man-page.ts'

/** What `kafka-backup man` prints. */
export const manText: ProgramText = {
  render: (tree) => manPage(tree, VERSION),
}
