import { otlpEndpoint, otlpHeader } from '../network-settings.ts';
import { duration, flag, integer, list, needsRestart, orNull, ratio, section } from '../setting.ts';

export const telemetry = section({
  otlp: needsRestart(
    section({
      endpoint: orNull(otlpEndpoint())
        .prefault(null)
        .describe(
          'Base URL of what receives traces by OTLP over HTTP, such as http://127.0.0.1:4318; null takes OTEL_EXPORTER_OTLP_ENDPOINT of the environment, and without that nothing is traced.',
        ),
      headers: list('a list of name=value', otlpHeader())
        .prefault([])
        .describe('Headers that are sent there, each as name=value.'),
      timeout: duration('100ms', '1m')
        .prefault('5s')
        .describe(
          'How long one export may take, with its further tries; what is not delivered then is dropped.',
        ),
      queueSize: integer(1, 1_000_000)
        .prefault(4096)
        .describe('Spans that may wait to be exported; more are dropped and counted.'),
    })
      .prefault({})
      .describe('Where spans go.'),
  ),
  sample: ratio()
    .prefault(0.01)
    .describe('The part, from 0 to 1, of the traces that begin here of which spans are made.'),
  parentBased: flag()
    .prefault(true)
    .describe(
      'Whether callers that bring a trace decide for it; otherwise the part of theirs is the same, by the id of the trace.',
    ),
});
