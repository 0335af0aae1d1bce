import { expect, it } from 'vitest';
import { mostConnections } from '../../bench/footprint/idle.ts';

it.each([
  { soft: '20000', most: 9_800 },
  { soft: '1024', most: 312 },
  { soft: 'unlimited', most: Number.POSITIVE_INFINITY },
])('with $soft open files a gateway can have $most connections', ({ soft, most }) => {
  const limits = `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max open files            ${soft}                20000                files
`;
  expect(mostConnections(limits)).toBe(most);
});
