import { type EndpointFile, readEndpointFiles } from './endpoint-files.ts';
import type { Environment } from './environment.ts';
import type { Finding, Problem } from './problem.ts';
import { at, entriesOf, read } from './reading.ts';
import { configSchema } from './schema.ts';
import type { ReadText } from './text-file.ts';
import type { YamlSource } from './yaml-source.ts';

/** Takes the place of the file's store, so that gateways share a Redis without a file of their own. */
const REDIS_URL = 'TOLLGATE_REDIS_URL';
/** Stands for `telemetry.otlp.endpoint` where the file has none, as wherever OpenTelemetry is used. */
const OTLP_ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** The settings of all the places they come from, as they are written there. */
export interface Assembly {
  readonly settings: unknown;
  /** The configuration file, then its endpoint files. */
  readonly sources: readonly YamlSource[];
  /** What is wrong with the endpoint files themselves. */
  readonly problems: readonly Problem[];
  /** Says in which file a finding in `settings` is, and where in it. */
  locate(finding: Finding): Problem;
}

/** Puts the store and the receiver of traces that the environment names, and the endpoints of `endpointFiles`, to what the file says. */
export function assemble(main: YamlSource, env: Environment, readText: ReadText): Assembly {
  const own = withReceiverOf(env, withStoreOf(env, main.value));
  const names = read(configSchema.shape.endpointFiles, own, ['endpointFiles']) ?? [];
  const { files, problems } = readEndpointFiles(names, main, env, readText);
  const receiverIsOurs = at(own, RECEIVER) !== at(main.value, RECEIVER);
  const urlIsOurs = at(own, ['store']) !== at(main.value, ['store']);
  return {
    settings: withEndpointsOf(files, own),
    sources: [main, ...files.map(({ source }) => source)],
    problems,
    locate(finding) {
      const [key, index, ...rest] = finding.path;
      if (receiverIsOurs && key === 'telemetry' && index === 'otlp' && rest[0] === 'endpoint') {
        return main.locate({ ...finding, message: `${finding.message} (${OTLP_ENDPOINT})` });
      }
      if (urlIsOurs && key === 'store' && index === 'url') {
        return main.locate({ ...finding, message: `${finding.message} (${REDIS_URL})` });
      }
      if (key !== 'endpoints' || typeof index !== 'number') return main.locate(finding);
      const { source, local } = ownerOf(index, main, entriesOf(own, ['endpoints']).length, files);
      return source.locate({ ...finding, path: [key, local, ...rest] });
    },
  };
}

/** What the file says of Redis besides the URL stays. */
function withStoreOf(env: Environment, settings: unknown): unknown {
  const url = env[REDIS_URL];
  if (url === undefined || url === '' || !isRecord(settings)) return settings;
  const { store } = settings;
  const kept = isRecord(store) && store['kind'] === 'redis' ? store : {};
  return { ...settings, store: { ...kept, kind: 'redis', url } };
}

const RECEIVER = ['telemetry', 'otlp', 'endpoint'];

function withReceiverOf(env: Environment, settings: unknown): unknown {
  const endpoint = env[OTLP_ENDPOINT];
  if (endpoint === undefined || endpoint === '' || !isRecord(settings)) return settings;
  const { telemetry = {} } = settings;
  if (!isRecord(telemetry)) return settings;
  const { otlp = {} } = telemetry;
  if (!isRecord(otlp) || (otlp['endpoint'] ?? 'null') !== 'null') return settings;
  return { ...settings, telemetry: { ...telemetry, otlp: { ...otlp, endpoint } } };
}

function withEndpointsOf(files: readonly EndpointFile[], settings: unknown): unknown {
  if (!isRecord(settings) || files.length === 0) return settings;
  const own = settings['endpoints'] ?? [];
  if (!Array.isArray(own)) return settings;
  return { ...settings, endpoints: [...own, ...files.flatMap(({ endpoints }) => endpoints)] };
}

/** Which file has the endpoint at `index` of the whole list, and where in its own. */
function ownerOf(index: number, main: YamlSource, count: number, files: readonly EndpointFile[]) {
  if (index < count) return { source: main, local: index };
  let local = index - count;
  for (const { source, endpoints } of files) {
    if (local < endpoints.length) return { source, local };
    local -= endpoints.length;
  }
  return { source: main, local: index };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
