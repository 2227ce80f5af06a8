import { describeFidelity } from './fidelity-suite.ts'

describeFidelity('4.2.1')
