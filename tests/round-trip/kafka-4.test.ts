import { describeRoundTrip } from './round-trip-suite.ts'

describeRoundTrip('4.2.1', { compression: 'lz4' })
