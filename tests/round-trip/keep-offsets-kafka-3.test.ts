import { describeKeptOffsets } from './keep-offsets-suite.ts'

describeKeptOffsets('3.9.1')
