// RFC 9112 §3.2 and RFC 3986 §3.2.2: a name or IPv4 address, or an IPv6 address in brackets, and a port. No user
// information, no percent escapes, no IPv6 zone, and not empty: what names one place on every reading.
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?$/i;

/** Whether `value` is one `Host`: a host and, if given, a port of 0 to 65535. */
export function isHost(value: string): boolean {
  const found = HOST.exec(value);
  return found !== null && (found[1] === undefined || Number(found[1]) <= 65_535);
}
