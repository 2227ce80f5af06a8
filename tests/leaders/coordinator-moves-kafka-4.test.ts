import { defineCoordinatorMoves } from './coordinator-moves-suite.ts'

defineCoordinatorMoves('4.2.1')
