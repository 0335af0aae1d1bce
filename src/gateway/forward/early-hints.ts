// RFC 8288 §3, somewhat stricter than node:http takes it: of its pattern, which a name may be read in two ways by, each
// further parameter of a link that fails at its end doubles the work.
const LINK = /^<[^>]*>(?:\s*;\s*[^;"\s=]+(?:=(?:"[^;"\s]*"|[^;"\s]*))?)*$/;

/** Whether an interim answer of the upstream's (103, RFC 8297) may be passed on with this value of `Link`. */
export function isHintedLink(value: string): boolean {
  return LINK.test(value);
}
