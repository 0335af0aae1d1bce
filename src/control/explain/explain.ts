/** What the gate would decide about a request, and why: the gate's own rules, asked one by one, and nothing spent. */
import { formatAddress } from '../../domain/address.ts';
import { type AddressChain, readChain } from '../../domain/address-chain.ts';
import { type AddressSet, compileAddressSet } from '../../domain/address-set.ts';
import { compileBlocklist } from '../../domain/blocklist.ts';
import { type ConcurrentEndpoint, type Endpoint, isLimited, slotsOf } from '../../domain/endpoint.ts';
import type { LimitLedger } from '../../domain/limit-ledger.ts';
import { ALL_IP_ZONES } from '../../domain/network-condition.ts';
import { compileNetwork } from '../../domain/network-match.ts';
import { type RejectionCode, rejectionRow } from '../../domain/rejection.ts';
import { percentageFor, shareOf } from '../../domain/share.ts';
import type { SlotLedger } from '../../domain/slot-ledger.ts';
import { type Credential, unusable } from '../../domain/token.ts';
import { isIpPolicyZone, type Zone } from '../../domain/zone.ts';
import { compileZone } from '../../domain/zone-match.ts';

/** What the gate decides by besides the store's records. */
export interface GateFacts {
  readonly trustedProxies: AddressSet;
  /** The endpoint of a method and a request target; null for a target that is refused before it is matched. */
  readonly endpointOf: (method: string, target: string) => Endpoint | null;
  readonly ledger: Pick<LimitLedger, 'count'>;
  readonly slots: Pick<SlotLedger, 'count'>;
  readonly defaultPercentage: number;
}

/** A request as the gateway would see it. */
export interface Question {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** The address of the connection's other end. */
  readonly peer: string;
  readonly forwardedFor: string | null;
}

const NO_PROXIES = compileAddressSet([]);
/** At most this many hops are told of. */
const HOPS_MAX = 40;

export async function explain(
  gate: GateFacts,
  credential: Credential,
  zones: readonly Zone[],
  question: Question,
  now: number,
) {
  const chain = readChain(question.peer, question.forwardedFor, gate.trustedProxies);
  const endpoint = gate.endpointOf(question.method, question.path);
  const reason = unusable(credential, now);
  const matchers = new Map(zones.map((zone) => [zone.id, compileZone(zone)]));
  const blocked = compileBlocklist(zones)?.judge(chain) ?? null;
  const verdict = compileNetwork(credential.token.network, matchers)(chain);
  const limit = endpoint === null ? null : await explainLimit(gate, credential, endpoint);
  const code: RejectionCode | null =
    endpoint === null
      ? 'listen.bad-target'
      : blocked !== null
        ? blockedCode(blocked)
        : reason !== null
          ? `resolve.${reason}`
          : verdict !== 'allowed'
            ? `zone.${verdict}`
            : (limit?.refusedBy ?? null);
  return {
    decision: code === null ? 'permit' : 'reject',
    code,
    status: code === null ? null : rejectionRow(code).status,
    token: { id: credential.token.id, name: credential.token.name, unusable: reason },
    hops: explainHops(question, chain),
    client: chain.client,
    network: credential.token.network,
    verdict,
    blockedBy: blocked === null || blocked === 'undecidable' ? null : { id: blocked.id, name: blocked.name },
    zones: zonesInQuestion(credential, zones).map((zone) => explainZone(zone, chain)),
    limit,
  };
}

function blockedCode(blocked: Zone | 'undecidable'): RejectionCode {
  return blocked === 'undecidable' ? 'zone.undecidable' : 'zone.blocked';
}

/** Every hop, nearest first, and what was made of it. */
function explainHops({ peer, forwardedFor }: Question, chain: AddressChain) {
  const whole = hopsOf(readChain(peer, forwardedFor, NO_PROXIES));
  const taken = whole.length - hopsOf(chain).length;
  return whole.map((address, index) => ({
    address,
    is: index < taken ? 'a trusted proxy' : index === taken ? 'the caller' : "the caller's claim",
  }));
}

function hopsOf(chain: AddressChain): readonly string[] {
  const hops: string[] = [];
  for (let distance = 0; distance < HOPS_MAX; distance++) {
    const hop = chain.hop(distance);
    if (hop === null) break;
    hops.push(hop === 'unreadable' ? hop : formatAddress(hop));
  }
  return hops;
}

/** The zones that the token's condition looks at. */
function zonesInQuestion({ token: { network } }: Credential, zones: readonly Zone[]): readonly Zone[] {
  if (network.connection === 'ANYWHERE') return [];
  const named = 'include' in network ? network.include : network.exclude;
  return zones.filter((zone) => (named[0] === ALL_IP_ZONES ? isIpPolicyZone(zone) : named.includes(zone.id)));
}

function explainZone(zone: Zone, chain: AddressChain) {
  const location = compileZone(zone).locate(chain);
  const gateways = compileAddressSet(zone.gateways.map(({ value }) => value));
  let matched: string | null = null;
  for (let distance = 0; location === 'inside' && matched === null && distance < HOPS_MAX; distance++) {
    const hop = chain.hop(distance);
    if (hop !== null && hop !== 'unreadable' && gateways.has(hop)) matched = formatAddress(hop);
  }
  return { id: zone.id, name: zone.name, status: zone.status, location, matched };
}

/** Both budgets as they stand, and which of them would refuse the request. */
async function explainLimit(gate: GateFacts, { token, share }: Credential, endpoint: Endpoint) {
  const percentage = percentageFor(share, endpoint.name, gate.defaultPercentage);
  const facts = {
    endpoint: endpoint.name,
    max: endpoint.max,
    windowSeconds: endpoint.windowSeconds,
    percentage,
  };
  const crowded = slotsOf(endpoint);
  const concurrent = crowded === null ? null : await explainSlots(gate, { token, share }, crowded);
  const crowdedBy = concurrent?.refusedBy ?? null;
  if (!isLimited(endpoint)) {
    const nothing = { share: null, leftOfShare: null, leftOfEndpoint: null, resetAt: null };
    return { ...facts, ...nothing, concurrent, refusedBy: crowdedBy };
  }
  const most = shareOf(endpoint.max, percentage);
  const { all, own, resetAt } = await gate.ledger.count(endpoint, token.id);
  const leftOfShare = Math.max(0, most - own);
  const leftOfEndpoint = Math.max(0, endpoint.max - all);
  const spentBy: RejectionCode | null =
    leftOfShare === 0 ? 'limit.token' : leftOfEndpoint === 0 ? 'limit.endpoint' : null;
  return {
    ...facts,
    concurrent,
    share: most,
    leftOfShare,
    leftOfEndpoint,
    resetAt: resetAt === null ? null : new Date(resetAt).toISOString(),
    refusedBy: crowdedBy ?? spentBy,
  };
}

/** How many requests are under way, and which maximum of them would refuse one more. */
async function explainSlots(
  gate: GateFacts,
  { token, share }: Pick<Credential, 'token' | 'share'>,
  endpoint: ConcurrentEndpoint,
) {
  const percentage = share?.concurrencyPercentage ?? gate.defaultPercentage;
  const most = shareOf(endpoint.concurrent, percentage);
  const { all, own } = await gate.slots.count(endpoint, token.id);
  const refusedBy: RejectionCode | null =
    own >= most ? 'limit.concurrent-token' : all >= endpoint.concurrent ? 'limit.concurrent-endpoint' : null;
  const { name, concurrent: max } = endpoint;
  return { endpoint: name, max, percentage, share: most, ofToken: own, ofEveryone: all, refusedBy };
}
