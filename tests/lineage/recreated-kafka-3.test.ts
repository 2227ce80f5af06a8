import { describeRecreatedTopics } from './recreated-suite.ts'

describeRecreatedTopics('3.9.1')
