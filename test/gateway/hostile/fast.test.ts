import { describe } from 'vitest';
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { starter } from './start.ts';
import { hostileTables } from './tables.ts';

describe('the fast transport', () => hostileTables(starter(createFastTransport)));
