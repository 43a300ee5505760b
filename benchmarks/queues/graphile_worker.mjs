// Graphile Worker, by its own runner: connections work in one process, which fetches and completes
// in batches where it is told to.
import { makeWorkerUtils, run } from "graphile-worker";

const [action, connectionString, quantity, workers, batch] = process.argv.slice(2);
const total = Number(quantity);

async function fill() {
  const utils = await makeWorkerUtils({ connectionString });
  await utils.migrate();
  for (let first = 0; first < total; first += 1000) {
    const jobs = Array.from({ length: Math.min(1000, total - first) }, () => ({
      identifier: "nothing",
      payload: {},
    }));
    await utils.addJobs(jobs);
  }
  await utils.release();
}

async function drain() {
  const size = Number(batch);
  const inBatches = size > 1 ? { localQueue: { size }, completeJobBatchDelay: 0 } : {};
  let left = total;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const silent = { debug() {}, info() {}, log() {}, warn() {}, error: console.error };
  const { Logger } = await import("graphile-worker");
  const start = process.hrtime.bigint();
  const runner = await run({
    connectionString,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => silent[level === "warning" ? "warn" : level](message)),
    taskList: { nothing: async () => void (--left === 0 && finish()) },
    preset: {
      worker: {
        concurrentJobs: Math.max(Number(workers), size > 1 ? size : 1),
        maxPoolSize: Number(workers),
        ...inBatches,
      },
    },
  });
  await finished;
  await runner.stop();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({ done: total - left, seconds }));
}

await { fill, drain }[action]();
