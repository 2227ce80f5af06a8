export { exitNow } from './runtime/exit.ts'
