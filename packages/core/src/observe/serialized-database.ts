import { DatabaseSync } from 'node:sqlite'

/** Not every Node.js 24 has them. */
interface Serializing {
  serialize?(): Uint8Array
  deserialize?(bytes: Uint8Array): void
}

/** The bytes of a database file. @throws Error on a Node.js that cannot do it */
export function serializeDatabase(database: DatabaseSync): Uint8Array {
  const { serialize } = database as Serializing
  if (!serialize)
    throw new Error(`Node.js ${process.version} cannot render a database; a newer one of 24 can`)
  return serialize.call(database)
}

/** Opens the bytes of a database file that nobody vouches for. @throws what SQLite says of bytes that are none */
export function openSerialized(bytes: Uint8Array): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  try {
    const { deserialize } = database as Serializing
    if (!deserialize) throw new Error(`Node.js ${process.version} cannot read a copy; a newer one of 24 can`)
    deserialize.call(database, bytes)
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
