import { describeKeptOffsets } from './keep-offsets-suite.ts'

describeKeptOffsets('4.2.1')
