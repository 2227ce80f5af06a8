#!/usr/bin/env node
// Plain JavaScript on purpose: an old Node cannot even parse the program, and must still be told why.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `kafka-backup needs Node.js 24 or newer; this is ${process.version} (${process.execPath}).\n` +
      'Nothing was started. Install Node.js 24, or run it through npm in a folder where the package is installed: npx kafka-backup\n',
  )
  process.exit(2)
}
// Until the program watches signals itself, and when it has ended, nothing is under way that would have to be finished.
for (const name of ['SIGINT', 'SIGTERM'])
  process.on(name, () => {
    if (process.listenerCount(name) === 1) process.exit(130)
  })
const { keepCompiled } = await import('./keep-compiled.js')
keepCompiled()
const { main } = await import('../src/main.ts')
await main()
