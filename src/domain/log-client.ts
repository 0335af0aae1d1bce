import { formatAddress, parseAddress } from './address.ts';
import type { LogClient } from './log-event.ts';

/** No chain of hops is longer than this; what is claimed further out is left out. */
const HOPS_MAX = 32;

/**
 * Where a request came from, as the System Log has it.
 * @param address the caller's address, or null when it is not known
 * @param peer the address of the connection's other end
 * @param forwardedFor every value of `X-Forwarded-For` joined with commas, or null
 */
export function clientOf(
  address: string | null,
  peer: string,
  forwardedFor: string | null,
  userAgent: string | null,
): LogClient {
  const claimed = forwardedFor === null ? [] : forwardedFor.split(',').slice(-HOPS_MAX);
  const ipChain = [...claimed, peer]
    .map((entry) => parseAddress(entry.trim()))
    .filter((hop) => hop !== null)
    .map(formatAddress);
  return { ipAddress: address === 'unknown' ? null : address, ipChain, userAgent };
}
