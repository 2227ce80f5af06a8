import { lz4Transform } from '../format/lz4-transform.ts'
import { zstdTransform } from '../format/zstd-transform.ts'
import { OffsetCacheThread } from '../observe/offset-cache-thread.ts'
import { openAzure } from '../storage/azure/location.ts'
import { openFilesystem } from '../storage/filesystem/location.ts'
import { openGcs } from '../storage/gcs/location.ts'
import { openMemory } from '../storage/memory/location.ts'
import { openS3 } from '../storage/s3/location.ts'
import type { Plugin } from './registry.ts'

/** Everything this package brings itself. */
export const openParts: Plugin = {
  name: 'open-parts',
  version: '0.1.0',
  apiVersion: 1,
  register(registry) {
    registry.addStorage('file', openFilesystem)
    registry.addStorage('s3', openS3)
    registry.addStorage('azure', openAzure)
    registry.addStorage('gs', openGcs)
    registry.addStorage('memory', openMemory)
    registry.addTransform('zstd', zstdTransform)
    registry.addTransform('lz4', lz4Transform)
    registry.addCheckpointCache('sqlite', (place) => new OffsetCacheThread(place))
    registry.addCheckpointCache('memory', ({ warn }) => new OffsetCacheThread({ path: null, warn }))
  },
}
