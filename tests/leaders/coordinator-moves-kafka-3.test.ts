import { defineCoordinatorMoves } from './coordinator-moves-suite.ts'

defineCoordinatorMoves('3.9.1')
