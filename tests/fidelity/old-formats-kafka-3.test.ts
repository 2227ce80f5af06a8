import { describeOldFormats } from './old-formats-suite.ts'

describeOldFormats('3.9.1')
