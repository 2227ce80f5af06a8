export type { FrameTransform } from '../format/frame-transform.ts'
export { openParts } from '../plugin/open-parts.ts'
export { type Plugin, Registry } from '../plugin/registry.ts'
