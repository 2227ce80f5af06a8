import { describeOldFormats } from './old-formats-suite.ts'

describeOldFormats('4.2.1')
