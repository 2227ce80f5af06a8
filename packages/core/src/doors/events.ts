export {
  combineObservers,
  type Observer,
  type RunEvent,
  type RunLag,
  type RunProgress,
  type UnreadSection,
} from '../events/run-event.ts'
