import assert from 'node:assert/strict'
import type { FrameTransform } from '../../src/format/frame-transform.ts'
import { lz4Transform } from '../../src/format/lz4-transform.ts'
import { encodeStoredZstd } from '../../src/format/zstd-stored-frame.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { prng } from '../protocol/prng.ts'
import { agreesWithNative, repairLz4Header } from './codec-targets.ts'
import { damage } from './damage.ts'
import { type FuzzTarget, INTEGRITY } from './fuzz-target.ts'

/** Damaged frames: what comes out has the stated length, and another decoder reads the same. */
async function transformTarget(transform: FrameTransform): Promise<FuzzTarget> {
  const random = prng(15)
  const codec = transform.id as 'lz4' | 'zstd'
  const chunks = [Buffer.alloc(400, 'value '), random.bytes(60)]
  const rawBytes = 460
  const modes = ['compressed', 'stored'] as const
  const frames = await Promise.all(
    modes.map(async (mode) => Buffer.concat(await transform.encode(chunks, mode))),
  )
  if (codec === 'zstd') {
    // Stored blocks that end before the length that their frame states.
    const short = Buffer.concat(encodeStoredZstd([Buffer.alloc(rawBytes - 5, 'value ')]))
    short.writeBigUInt64LE(BigInt(rawBytes), 5)
    frames.push(short)
  }
  return {
    name: `${codec} frames`,
    weight: codec === 'zstd' ? 1.5 : 3,
    categories: INTEGRITY,
    acceptedMin: 0.01,
    make: (source) => {
      const bytes = damage(source, source.pick(frames), source.pick(frames))
      if (codec === 'lz4' && source.chance(0.7)) repairLz4Header(bytes)
      const stated = source.chance(0.7) ? rawBytes : source.pick([0, 1, 459, 461, 65_536])
      return {
        bytes,
        run: async () => {
          const decoded = await transform.decode(bytes, stated)
          assert.equal(decoded.length, stated, 'another length than stated')
          // Joined and skippable frames are read otherwise by others.
          const magic = bytes.subarray(0, 4)
          if (bytes.indexOf(magic, 4) < 0 && bytes.indexOf('\x2a\x4d\x18', 0, 'latin1') < 0) {
            agreesWithNative(codec, bytes, decoded)
          }
        },
      }
    },
  }
}

export async function transformTargets(): Promise<FuzzTarget[]> {
  return Promise.all([zstdTransform(3), lz4Transform()].map(transformTarget))
}
