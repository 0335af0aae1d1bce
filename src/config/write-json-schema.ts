/** Writes config/tollgate.schema.json anew; to be run after a change of schema.ts. */
import { writeFileSync } from 'node:fs';
import { configJsonSchema } from './json-schema.ts';

const file = new URL('../../config/tollgate.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
