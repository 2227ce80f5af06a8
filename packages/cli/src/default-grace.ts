/** How long objects stay that nothing needs any more, where nobody says otherwise; as users write durations. */
export const DEFAULT_GRACE = '24h'
