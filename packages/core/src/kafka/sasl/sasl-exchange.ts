/** Our side of one authentication. An object is good for one. */
export interface SaslExchange {
  /** As the handshake names it. */
  readonly mechanism: string
  /** Name for messages; null where a token says who it is. */
  readonly account: string | null
  /** The first message. */
  begin(): Promise<Buffer>
  /**
   * What to say to the broker's message; null when that was the last one and everything about it is right.
   * @throws KB_AUTHENTICATION_FAILED
   */
  answer(message: Buffer): Promise<Buffer | null>
  /** A refusal, from what the broker says of it and what is known here. */
  explain(remark: string): string
}
