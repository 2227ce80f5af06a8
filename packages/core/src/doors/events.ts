export {
  combineObservers,
  type Observer,
  type RunEvent,
  type RunLag,
  type RunProgress,
} from '../events/run-event.ts'
