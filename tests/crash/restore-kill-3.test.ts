import { defineRestoreKills } from './restore-kill-suite.ts'

defineRestoreKills('3.9.1')
