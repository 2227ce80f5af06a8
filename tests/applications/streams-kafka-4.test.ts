import { testStreams } from './streams-suite.ts'

testStreams('4.2.1')
