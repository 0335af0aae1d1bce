/** Finds what install-tools.sh brings. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';

export const CHART = resolve(import.meta.dirname, '../../helm/tollgate');

/** The oldest Kubernetes that the chart is for, of which the schemas are. */
export const KUBERNETES = '1.30.0';

const goPath = outputOf('go', ['env', 'GOPATH']);

/** The helm to run: TEST_HELM, the one on the PATH, or the one that go built; null where there is none. */
export const helm: string | null =
  [process.env['TEST_HELM'] ?? '', 'helm', goPath === null ? '' : join(goPath, 'bin/helm')].find(
    (candidate) => candidate !== '' && outputOf(candidate, ['version']) !== null,
  ) ?? null;

const modules = goPath === null ? null : join(goPath, 'pkg/mod');
const inModules = (path: string) => (modules === null ? '' : join(modules, path));

/** Where the schemas are; null where one of them is missing. */
export const schemaFolders: { readonly openApi: string; readonly definitions: readonly string[] } | null = [
  inModules('sigs.k8s.io/kubectl-validate@v0.0.4/pkg/openapiclient/builtins/1.30'),
  inModules('sigs.k8s.io/gateway-api@v1.3.0/config/crd/standard'),
  inModules('github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd'),
].every((folder) => existsSync(folder))
  ? {
      openApi: inModules('sigs.k8s.io/kubectl-validate@v0.0.4/pkg/openapiclient/builtins/1.30'),
      definitions: [
        inModules('sigs.k8s.io/gateway-api@v1.3.0/config/crd/standard'),
        inModules(
          'github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd',
        ),
      ],
    }
  : null;

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

/**
 * Renders the chart as the release `r`.
 * @param values what helm's `-f` and `--set` get, in their order
 * @throws Error with helm's own words when it refuses the values
 */
export function render(...values: readonly string[]): readonly Resource[] {
  const key = values.join('\n');
  const resources = rendered.get(key) ?? renderAnew(values);
  rendered.set(key, resources);
  return resources;
}

const rendered = new Map<string, readonly Resource[]>();

function renderAnew(values: readonly string[]): readonly Resource[] {
  const { status, stdout, stderr } = spawnSync(
    helm ?? 'helm',
    ['template', 'r', CHART, '--namespace', 'n', '--kube-version', KUBERNETES, ...values],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS())
    .filter((resource) => resource !== null);
}

function outputOf(command: string, args: readonly string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    // It is not installed.
    return null;
  }
}
