import { describe } from 'vitest';
import { createGeneralTransport } from '../../../src/gateway/transport/general/server.ts';
import { starter } from './start.ts';
import { hostileTables } from './tables.ts';

describe('the general transport', () => hostileTables(starter(createGeneralTransport)));
