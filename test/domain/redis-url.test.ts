import { describe, expect, it } from 'vitest';
import { describePlace, parseRedisUrl } from '../../src/domain/redis-url.ts';

const nobody = { user: null, password: null };
const noOne = { sentinelUser: null, sentinelPassword: null };

describe('the URL of a Redis', () => {
  it('names one server, with its database', () => {
    const hosts = [{ host: 'redis.internal', port: 6380 }];
    expect(parseRedisUrl('redis://redis.internal:6380/3')).toEqual({
      ...{ kind: 'single', tls: false, hosts, ...nobody, database: 3 },
    });
    expect(parseRedisUrl('rediss://:p%40ss@[::1]')).toEqual({
      ...{ kind: 'single', tls: true, hosts: [{ host: '::1', port: 6379 }], database: 0 },
      ...{ user: null, password: 'p@ss' },
    });
  });

  it('names a primary by its Sentinels, whose port is another, and whose credentials are their own', () => {
    const hosts = [
      { host: '10.0.0.1', port: 26_379 },
      { host: '10.0.0.2', port: 5000 },
    ];
    expect(parseRedisUrl('redis+sentinel://10.0.0.1,10.0.0.2:5000/main')).toEqual({
      ...{ kind: 'sentinel', tls: false, hosts, ...nobody, ...noOne, primary: 'main', database: 0 },
    });
    const url =
      'rediss+sentinel://tg:a%3Ab@10.0.0.1,10.0.0.2:5000/main/1?sentinelUser=watch&sentinelPassword=w%26t';
    expect(parseRedisUrl(url)).toEqual({
      ...{ kind: 'sentinel', tls: true, hosts, user: 'tg', password: 'a:b', primary: 'main', database: 1 },
      ...{ sentinelUser: 'watch', sentinelPassword: 'w&t' },
    });
  });

  it('names a cluster by some of its nodes', () => {
    const hosts = [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
    ];
    expect(parseRedisUrl('rediss+cluster://tg:secret@a:7000,b')).toEqual({
      ...{ kind: 'cluster', tls: true, hosts, user: 'tg', password: 'secret' },
    });
  });

  const refused = [
    ...['', 'redis', 'redis://', 'redis:///1', 'http://a', 'redis+other://a', 'REDIS://a', ' redis://a'],
    ...['redis://a,b', 'redis://a/x', 'redis://a/1/2', 'redis://a?x=1', 'redis://a#b', 'redis://a:0'],
    ...['redis://a:65536', 'redis://a:', 'redis://:secret@', 'redis://a b', 'redis://%zz@a', 'redis://::1'],
    ...['redis+cluster://a/1', 'redis+cluster://a,', 'redis+cluster://a?x', 'redis+cluster://,a'],
    ...['redis+sentinel://a', 'redis+sentinel://a/', 'redis+sentinel://a/m/x', 'redis+sentinel://a/m/1/2'],
    ...['redis+sentinel://a/m?password=x', 'redis+sentinel://a/m?sentinelUser=a&sentinelUser=b'],
  ];
  for (const url of refused) {
    it(`is none when it is written «${url}»`, () => {
      expect(parseRedisUrl(url)).toBeNull();
    });
  }

  it('is told to people without a secret', () => {
    const told = (url: string) => {
      const place = parseRedisUrl(url);
      return place && describePlace(place);
    };
    expect(told('redis://u:secret@a')).toBe('a:6379');
    expect(told('redis://u:secret@[2001:db8::1]:1')).toBe('[2001:db8::1]:1');
    expect(told('redis+sentinel://u:secret@a,b/main?sentinelPassword=hidden')).toBe(
      'main of Sentinel a:26379,b:26379',
    );
    expect(told('redis+cluster://u:secret@a,b:1')).toBe('cluster a:6379,b:1');
  });
});
