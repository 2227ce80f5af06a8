// Loaded before a program that is measured: leaves its CPU time and peak memory in the file BENCH_USAGE names.
import { writeFileSync } from 'node:fs'

process.on('exit', () => {
  const usage = process.resourceUsage()
  const cpuSeconds = (usage.userCPUTime + usage.systemCPUTime) / 1e6
  writeFileSync(process.env.BENCH_USAGE, JSON.stringify({ cpuSeconds, peakRssMb: usage.maxRSS / 1024 }))
})
