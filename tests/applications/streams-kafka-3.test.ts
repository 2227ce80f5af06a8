import { testStreams } from './streams-suite.ts'

testStreams('3.9.1')
