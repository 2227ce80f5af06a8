import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { Transform } from 'node:stream'
import zlib from 'node:zlib'

type Callback = (error: Error | null, result?: Buffer) => void
type Compressor = (bytes: Buffer, options?: object) => Buffer

/** Compression on threads ends when it likes. Here it is done at once, so that a seed gives the same run everywhere. */
function atOnce(compress: Compressor) {
  return (bytes: Buffer, options: object | Callback, callback?: Callback): void => {
    const done = (typeof options === 'function' ? options : callback) as Callback
    const given = typeof options === 'function' ? undefined : options
    try {
      const result = compress(bytes, given)
      queueMicrotask(() => done(null, result))
    } catch (error) {
      queueMicrotask(() => done(error as Error))
    }
  }
}

/** The same for a stream. */
function streamAtOnce(compress: Compressor) {
  return (): Transform => {
    const chunks: Buffer[] = []
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        chunks.push(chunk)
        done()
      },
      flush(done) {
        done(null, compress(Buffer.concat(chunks)))
      },
    })
  }
}

// Imported before the program is, which takes its functions from here when it is loaded.
Object.assign(zlib, {
  zstdCompress: atOnce(zlib.zstdCompressSync),
  zstdDecompress: atOnce(zlib.zstdDecompressSync),
  gzip: atOnce(zlib.gzipSync),
  gunzip: atOnce(zlib.gunzipSync),
})
Object.defineProperty(zlib, 'createZstdCompress', { value: streamAtOnce(zlib.zstdCompressSync) })
Object.assign(os, { availableParallelism: () => 2 })
syncBuiltinESMExports()
