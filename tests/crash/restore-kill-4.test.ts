import { defineRestoreKills } from './restore-kill-suite.ts'

defineRestoreKills('4.2.1')
