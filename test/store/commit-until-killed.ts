/** A process that commits users one after another, and prints each id once the store has acknowledged it. */
import { systemClock } from '../../src/kernel/clock.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { aUser } from '../support/records.ts';

const store = await openEmbeddedStore({ path: process.argv[2] ?? '', clock: systemClock });
for (;;) {
  const user = aUser();
  await store.commit([{ put: 'user', user }]);
  process.stdout.write(`${user.id}\n`);
}
