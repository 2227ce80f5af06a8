import { describeFidelity } from './fidelity-suite.ts'

describeFidelity('3.9.1')
