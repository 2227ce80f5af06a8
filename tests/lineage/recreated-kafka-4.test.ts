import { describeRecreatedTopics } from './recreated-suite.ts'

describeRecreatedTopics('4.2.1')
