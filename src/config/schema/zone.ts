import { proxyRange } from '../network-settings.ts';
import { list, section } from '../setting.ts';

export const zone = section({
  trustedProxies: list('a list of networks, ranges and addresses', proxyRange())
    .prefault([])
    .describe(
      'Peers whose X-Forwarded-For is believed, as networks, ranges or addresses; none by default, so the peer is the caller.',
    ),
});
