/**
 * What Node is given where Tollgate is started: by `npm start`, in the image and by tests and benchmarks.
 * See docs/adr/0039-young-objects.md and docs/adr/0041-one-helper.md.
 */
/** What Node takes from `NODE_OPTIONS`, and what on the command line alone. */
export const NODE_OPTIONS = ['--max-semi-space-size=16', '--v8-pool-size=1'];
export const NODE_FLAGS = ['--min-semi-space-size=16', ...NODE_OPTIONS];
