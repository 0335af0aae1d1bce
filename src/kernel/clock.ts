/**
 * Time as a dependency, so that no test sleeps. Production code takes a Clock and never calls Date.now or
 * setTimeout for a rule; sockets keep their own timers.
 */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. */
  now(): number;
  /** Time in milliseconds that never goes back; only differences mean anything. */
  monotonic(): number;
  /** Runs `task` every `ms` milliseconds until the returned function is called. Never keeps the process alive. */
  every(ms: number, task: () => void): () => void;
  /** Runs `task` once after `ms` milliseconds unless the returned function is called first. Never keeps the process alive. */
  after(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  every(ms, task) {
    const timer = setInterval(task, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
  after(ms, task) {
    const timer = setTimeout(task, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
