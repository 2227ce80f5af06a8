import { defineOffsetKills } from './restore-kill-offsets-suite.ts'

defineOffsetKills('4.2.1')
