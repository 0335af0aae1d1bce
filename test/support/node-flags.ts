/**
 * What Node is given where Tollgate is started: by `npm start`, in the image (`NODE_OPTIONS`) and by tests and benchmarks.
 * See docs/adr/0039-young-objects.md and docs/adr/0041-one-helper.md.
 */
export const NODE_FLAGS = ['--max-semi-space-size=16', '--v8-pool-size=1'];
