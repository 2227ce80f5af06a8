import type { DecodedKey, DecodedValue } from '@kafka-backup/core'

/** A key of `__consumer_offsets`, for programs and for people. */
export function groupKeyDocument(decoded: DecodedKey, bytes: Buffer) {
  switch (decoded.kind) {
    case 'offset_commit': {
      const { kind: type, keyVersion, group, topic, partition } = decoded
      return { type, key_version: keyVersion, group, topic, partition }
    }
    case 'group_metadata':
      return { type: decoded.kind, key_version: decoded.keyVersion, group: decoded.group }
    case 'coordinator': {
      const { type, keyVersion, group, detail } = decoded
      return { type, key_version: keyVersion, group, ...(detail === null ? {} : { detail }) }
    }
    default:
      return { ...undecodedDocument(decoded), base64: bytes.toString('base64') }
  }
}

/** The value beside it. */
export function groupValueDocument(decoded: DecodedValue, bytes: Buffer) {
  if (decoded.kind === 'offset_commit') {
    return {
      type: decoded.kind,
      value_version: decoded.valueVersion,
      offset: decoded.offset.toString(),
      leader_epoch: decoded.leaderEpoch,
      metadata: decoded.metadata,
      commit_timestamp: decoded.commitTimestampMs.toString(),
      expire_timestamp: decoded.expireTimestampMs === null ? null : decoded.expireTimestampMs.toString(),
    }
  }
  if (decoded.kind === 'group_metadata') {
    return {
      type: decoded.kind,
      value_version: decoded.valueVersion,
      protocol_type: decoded.protocolType,
      generation: decoded.generation,
      protocol: decoded.protocol,
      leader: decoded.leader,
      current_state_timestamp: decoded.currentStateTimestampMs?.toString() ?? null,
      members: decoded.members.map((member) => ({
        member_id: member.memberId,
        group_instance_id: member.groupInstanceId,
        client_id: member.clientId,
        client_host: member.clientHost,
        rebalance_timeout_ms: member.rebalanceTimeoutMs,
        session_timeout_ms: member.sessionTimeoutMs,
        subscription_base64: member.subscription.toString('base64'),
        assignment_base64: member.assignment.toString('base64'),
      })),
    }
  }
  return { ...undecodedDocument(decoded), base64: bytes.toString('base64') }
}

function undecodedDocument({ version, reason }: Extract<DecodedKey, { kind: 'undecoded' }>) {
  return { type: 'undecoded', version, reason }
}
