/** A key: path elements joined by '/', relative to the repository's root. Built only by `repository/key-layout.ts`. */
export type ObjectKey = string

/** One entry of a listing. */
export interface ObjectEntry {
  readonly key: ObjectKey
  readonly bytes: number
  /** Milliseconds since the epoch, by the store's clock. */
  readonly modifiedMs: number
}

/** What a store can do; code asks this, never which store it is. */
export interface StorageCapabilities {
  /** `put` and `openWrite` create an object only if it is absent, atomically among any number of writers. */
  readonly putIfAbsent: boolean
  /** A written object is visible to every later read and list. */
  readonly readAfterWrite: boolean
  /** Somebody vouches that only one run at a time writes here, which stands in for `putIfAbsent`. Absent: nobody does. */
  readonly hasSingleWriter?: boolean
  /** What is written is gone when the program ends, so that only this process can read it. */
  readonly isVolatile?: boolean
  /** Every request of its writers passes the gate that it was opened with; nobody else holds or repeats their calls. */
  readonly hasGatedWriters?: boolean
}

/** Half-open byte range [begin, end) of an object. */
export interface ByteRange {
  readonly begin: number
  readonly end: number
}

/** What a store says of the bucket or container that the repository is in; 'unknown' where it cannot be asked or may not be. */
export interface PlaceFacts {
  /** Whether replaced and deleted objects are kept as versions. */
  readonly versioning: 'on' | 'off' | 'unknown'
  /** Whether objects can be locked against deletion for a time. */
  readonly objectLock: 'on' | 'off' | 'unknown'
  /** The retention that every new object gets, for people, such as `COMPLIANCE, 30 days`; null: none, or not known. */
  readonly defaultRetention: string | null
}

/** Which folders there were, in a store where a folder is there without objects too. */
export interface FolderNote {
  /** False: the first write makes the place of the repository. */
  readonly isPlaceThere: boolean
  /** Removes the empty folders that were made since, also the place itself; those that are used stay. Close the backend afterwards. */
  removeNew(): Promise<void>
}

/** Options of a single call. */
export interface CallOptions {
  readonly signal?: AbortSignal
}

/** Options of a listing. */
export interface ListOptions extends CallOptions {
  /** Only keys behind this one are listed; it need not be that of an object. */
  readonly after?: ObjectKey
}

/**
 * A streamed upload. Nothing is visible under the key before `commit` resolves. Calls are not concurrent: await one
 * before the next. After `commit` or `abort` the writer is closed.
 */
export interface ObjectWriter {
  /** Appends the chunks in order. They may be reused by the caller once the promise resolves. */
  write(chunks: readonly Uint8Array[]): Promise<void>
  /** Makes the object durable and visible, exclusively. @throws KB_OBJECT_EXISTS when the key is taken. */
  commit(): Promise<void>
  /** Discards what was written; safe to call at any time, also after a failure, and more than once. */
  abort(): Promise<void>
}

/**
 * The contract of every store. Guarantees owed by an implementation:
 * - objects are immutable: no call changes the bytes of an existing object, except `replace`;
 * - `put`, `replace` and `commit` resolve only when the bytes would survive a crash of the store's host;
 * - a failed or killed write leaves nothing visible under the key, and never a part;
 * - a put whose answer was lost is settled by reading the object back: exactly our bytes are a success, other bytes are
 *   KB_OBJECT_EXISTS. Only while the object is absent does the failure go on as KB_STORAGE_UNAVAILABLE; whoever then puts
 *   again must take KB_OBJECT_EXISTS for a success when the object has exactly these bytes. A `commit` settles its own;
 * - keys cannot reach outside the configured place, whatever they contain: invalid keys throw KB_INTERNAL;
 * - errors are ours (KB_STORAGE_*, KB_OBJECT_*), translated in the implementation's `errors.ts`; unknown ones are
 *   KB_STORAGE_UNAVAILABLE only if they can pass by themselves.
 */
export interface StorageBackend {
  /** The place as a person would write it, without secrets: `file:///var/backups`. */
  readonly location: string
  readonly capabilities: StorageCapabilities

  /** Creates an object from memory, exclusively. @throws KB_OBJECT_EXISTS when the key is taken. */
  put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void>

  /** Creates or replaces a rendered document atomically: a reader sees the old or the new bytes, never a mix. */
  replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void>

  /** Begins a streamed exclusive create. */
  openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter>

  /**
   * Reads a whole object of at most `maxBytes` bytes.
   * @throws KB_OBJECT_NOT_FOUND, KB_LIMIT_EXCEEDED when it is larger (checked before allocation).
   */
  read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer>

  /** Reads exactly the range. @throws KB_OBJECT_NOT_FOUND, KB_SEGMENT_CORRUPT when the object ends before it. */
  readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer>

  /** The entry of one object, or undefined when it is absent. */
  stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined>

  /** All objects whose key begins with `prefix`, in ascending byte order of keys. Unfinished writes are not listed. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry>

  /** The distinct next path elements after `prefix` (which is empty or ends with '/'), ascending. */
  listFolders(prefix: string, options?: CallOptions): Promise<string[]>

  /** Removes an object; an absent one is no error. */
  delete(key: ObjectKey, options?: CallOptions): Promise<void>

  /** What the store says of its place; absent: it has nothing to say. Never fails for lack of rights: 'unknown' then. */
  inspectPlace?(options?: CallOptions): Promise<PlaceFacts>

  /** For who wants to leave no empty folders below `folder`; absent: this store has no folders of their own. */
  noteFolders?(folder: string): Promise<FolderNote>

  /** Releases connections; the backend is unusable afterwards. */
  close(): Promise<void>
}
