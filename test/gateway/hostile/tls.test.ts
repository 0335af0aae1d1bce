import { describe } from 'vitest';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { createGeneralTransport } from '../../../src/gateway/transport/general/server.ts';
import { takeOneOf } from './rows.ts';
import { starter } from './start.ts';
import { clientTables } from './tables.ts';

// Every row is sent over plain sockets; over TLS the rules are the same, and what may differ is how bytes and ends come.
takeOneOf(24, 20_261);

describe('the fast transport over TLS', () => clientTables(starter(createFastTransport, 'tls')));
describe('the general transport over TLS', () => clientTables(starter(createGeneralTransport, 'tls')));
