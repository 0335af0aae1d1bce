/** The container and what stands beside it in compose.yaml, as far as they can be held without an engine. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../src/config/config.ts';
import { NODE_FLAGS, NODE_OPTIONS } from './support/node-flags.ts';

const root = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('the image', () => {
  const dockerfile = read('Dockerfile');
  const [, last = ''] = dockerfile.split(/^FROM scratch$/m);

  it('is made of nothing but what the build puts into it, which has no shell', () => {
    expect(last).toContain('COPY --from=build /image /');
    expect(last).not.toMatch(/^RUN/m);
    expect(dockerfile).not.toMatch(/(?:cp|COPY)[^\n]*\/(?:sh|bash|busybox)\b/);
  });

  it('runs as a user who is not root, by number, so that Kubernetes can tell', () => {
    expect(last).toMatch(/^USER 65532:65532$/m);
  });

  it('starts, and asks after its health, without a shell', () => {
    expect(last).toMatch(/^ENTRYPOINT \[/m);
    expect(last).toMatch(/^ {2}CMD \[.+"health"\]$/m);
    expect(last).toMatch(/^CMD \[/m);
  });

  it('gives Node what npm start gives it, and the tests, where whoever runs it can give something else', () => {
    expect(last).toContain(` NODE_OPTIONS="${NODE_OPTIONS.join(' ')}"\n`);
    const others = NODE_FLAGS.filter((flag) => !NODE_OPTIONS.includes(flag));
    expect(last).toContain(
      `"/usr/local/bin/node", ${others.map((flag) => `"${flag}", `).join('')}"/app/dist/main.js"]`,
    );
    const { scripts } = JSON.parse(read('package.json'));
    expect(scripts.start).toBe(`node ${NODE_FLAGS.join(' ')} src/main.ts serve`);
  });

  it('is built with the very Node that the tests run on, at an exact version', () => {
    const { devDependencies } = JSON.parse(read('package.json'));
    expect(dockerfile).toMatch(
      new RegExp(`^ARG NODE_IMAGE=docker\\.io/library/node:${devDependencies.node}-\\w+-slim$`, 'm'),
    );
  });

  it('is built from what .dockerignore lets in, and every file that the build copies is let in', () => {
    const letIn = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
      files.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    for (const file of copied) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(letIn).toContain(file);
    }
  });
});

describe('compose.yaml', () => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as {
    services: Record<
      string,
      {
        image: string;
        ports?: string[];
        volumes?: string[];
        read_only?: boolean;
        environment?: Record<string, string>;
      }
    >;
  };
  const each = Object.entries(services);

  it.each(each)('gives %s an image of an exact version, or the one that is built here', (_, { image }) => {
    expect(image === 'tollgate' || /:v?\d+\.\d+\.\d+(?:-\w+)?$/.test(image)).toBe(true);
  });

  it.each(each)('opens the ports of %s to this machine alone', (_, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(each)('mounts into %s only what is there', (_, { volumes = [] }) => {
    for (const volume of volumes.filter((line) => line.startsWith('./'))) {
      expect(existsSync(join(root, volume.split(':')[0] ?? '')), volume).toBe(true);
    }
  });

  it('holds no secret: it asks for each', () => {
    expect(services['control']?.environment).toEqual({
      TOLLGATE_REDIS_URL: expect.stringContaining(`\${REDIS_PASSWORD:?`),
      TOLLGATE_BOOTSTRAP_TOKEN: expect.stringMatching(/^\$\{TOLLGATE_BOOTSTRAP_TOKEN:\?/),
    });
  });

  it('has a configuration that Tollgate takes', () => {
    const config = loadConfig(join(root, 'config/compose/tollgate.yaml'), {
      TOLLGATE_REDIS_URL: 'redis://:secret@redis:6379',
    });
    expect(config.store.kind).toBe('redis');
  });
});
