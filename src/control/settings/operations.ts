/**
 * Okta's settings of rate limits (docs/okta.md §5, "Settings"): kept and answered, so that scripts which manage them
 * run. The warning threshold is the gateway's; nothing acts on the others: there is no mail and no sign-in page.
 */
import { z } from 'zod';
import { party } from '../../domain/log-event.ts';
import { WARNING_THRESHOLD } from '../../domain/warning-threshold.ts';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, type Operation, ok, operation, type Reply } from '../operation.ts';
import type { OperationId } from '../permissions.ts';

const MODE = z.enum(['ENFORCE', 'PREVIEW', 'DISABLE'], { error: 'must be ENFORCE, PREVIEW or DISABLE' });

const notifications = z.object({ notificationsEnabled: z.boolean({ error: 'must be true or false' }) });
const perClient = z.object({
  defaultMode: MODE,
  useCaseModeOverrides: z
    .object({
      LOGIN_PAGE: MODE.optional(),
      OAUTH2_AUTHORIZE: MODE.optional(),
      OIE_APP_INTENT: MODE.optional(),
    })
    .optional(),
});
const THRESHOLD = 'must be a whole number from 30 to 90';
const threshold = z.object({
  warningThreshold: z.int({ error: THRESHOLD }).min(30, THRESHOLD).max(90, THRESHOLD),
});

interface Setting<Schema extends z.ZodType> {
  /** What it is called in the path and in the store. */
  readonly name: string;
  readonly read: OperationId;
  readonly write: OperationId;
  /** What it is called in sentences. */
  readonly what: string;
  readonly schema: Schema;
  /** What holds until somebody sets it. */
  readonly preset: z.output<Schema>;
}

export function settingOperations(parts: ControlParts): readonly Operation[] {
  return [
    ...both(parts, {
      name: 'admin-notifications',
      read: 'getRateLimitSettingsAdminNotifications',
      write: 'replaceRateLimitSettingsAdminNotifications',
      what: 'rate limit admin notification settings',
      schema: notifications,
      preset: { notificationsEnabled: true },
    }),
    ...both(parts, {
      name: 'per-client',
      read: 'getRateLimitSettingsPerClient',
      write: 'replaceRateLimitSettingsPerClient',
      what: 'per-client rate limit settings',
      schema: perClient,
      preset: { defaultMode: 'ENFORCE' },
    }),
    ...both(parts, {
      name: 'warning-threshold',
      read: 'getRateLimitSettingsWarningThreshold',
      write: 'replaceRateLimitSettingsWarningThreshold',
      what: 'rate limit warning threshold percentage',
      schema: threshold,
      preset: { warningThreshold: WARNING_THRESHOLD.preset },
    }),
  ];
}

function both<Schema extends z.ZodType>(parts: ControlParts, setting: Setting<Schema>): readonly Operation[] {
  const common = {
    path: `/api/v1/rate-limit-settings/${setting.name}` as string,
    tag: 'Rate limit settings',
    answer: { status: 200, schema: setting.schema },
  } as const;
  return [
    operation({
      ...common,
      id: setting.read,
      method: 'GET',
      summary: `Retrieve the ${setting.what}`,
      refusals: [],
      async handle() {
        return ok((await parts.store.setting(storedAs(setting.name))) ?? setting.preset);
      },
    }),
    operation({
      ...common,
      id: setting.write,
      method: 'PUT',
      summary: `Replace the ${setting.what}`,
      body: setting.schema,
      refusals: [400, 409],
      handle: (call) => fromFresh(() => replace(parts, call, setting, call.body)),
    }),
  ];
}

const storedAs = (name: string) => `rate-limit.${name}`;

async function replace<Schema extends z.ZodType>(
  { store }: ControlParts,
  call: AnyCall,
  { name, what, preset }: Setting<Schema>,
  value: unknown,
): Promise<Reply> {
  const before = await store.setting(storedAs(name));
  const debugData = { oldValue: JSON.stringify(before ?? preset), newValue: JSON.stringify(value) };
  const target = party(name, 'RateLimitSetting', 'unknown', what);
  await store.commit([
    { put: 'setting', name: storedAs(name), value, replacing: before },
    eventOf(call, 'system.rate_limit.configuration.update', [target], {
      ...debugData,
      ...thresholds(before ?? preset, value),
    }),
  ]);
  return ok(value);
}

/** Okta's own words for the threshold; nothing for the other settings. */
function thresholds(before: unknown, after: unknown): Record<string, string> {
  const [old, now] = [threshold.safeParse(before), threshold.safeParse(after)];
  if (!old.success || !now.success) return {};
  return {
    oldThreshold: String(old.data.warningThreshold),
    newThreshold: String(now.data.warningThreshold),
  };
}
