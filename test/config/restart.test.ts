import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { changesThatNeedRestart, settingsThatNeedRestart } from '../../src/config/restart.ts';

const config = (more = '') =>
  parseConfig(
    `forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:9001"], paths: [/] }] }\n${more}`,
    {},
    'x.yaml',
  );

describe('the settings that need a restart', () => {
  it('are those that docs/configuration.md lists', () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const [, section = ''] = /^## Reload\n(.*?)^## /ms.exec(page) ?? [];
    const listed = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path);
    expect(listed).toEqual(settingsThatNeedRestart().map((path) => path.join('.')));
  });

  it('are marked in config/tollgate.schema.json', () => {
    const schema = readFileSync(new URL('../../config/tollgate.schema.json', import.meta.url), 'utf8');
    expect(schema.split('"x-needs-restart": true')).toHaveLength(settingsThatNeedRestart().length + 1);
  });

  it('are named when they differ, groups as a whole', () => {
    const changed = config('listen: { proxy: "127.0.0.1:1", bodySize: 1MiB }\naccount: { flushEvery: 2s }\n');
    expect(changesThatNeedRestart(config(), changed)).toEqual(['listen.proxy', 'account']);
    expect(changesThatNeedRestart(config(), config('listen: { proxy: "127.0.0.1:8080" }'))).toEqual([]);
  });
});
