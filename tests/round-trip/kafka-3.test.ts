import { describeRoundTrip } from './round-trip-suite.ts'

describeRoundTrip('3.9.1', { compression: 'none', otherVersion: '4.2.1' })
