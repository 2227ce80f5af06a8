import { defineOffsetKills } from './restore-kill-offsets-suite.ts'

defineOffsetKills('3.9.1')
