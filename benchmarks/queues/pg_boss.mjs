// pg-boss, by its own fetch and complete: as many loops as connections, in one process.
import PgBoss from "pg-boss";

const [action, connectionString, quantity, workers, batch] = process.argv.slice(2);
const total = Number(quantity);
const boss = new PgBoss({
  connectionString,
  max: Number(workers ?? 1),
  supervise: false,
  schedule: false,
});
boss.on("error", console.error);
await boss.start();

async function fill() {
  await boss.createQueue("nothing");
  for (let first = 0; first < total; first += 1000) {
    await boss.insert(
      Array.from({ length: Math.min(1000, total - first) }, () => ({ name: "nothing", data: {} })),
    );
  }
}

async function drain() {
  let done = 0;
  const start = process.hrtime.bigint();
  const loop = async () => {
    for (;;) {
      const jobs = await boss.fetch("nothing", { batchSize: Number(batch) });
      if (jobs.length === 0) return;
      await boss.complete("nothing", jobs.map((job) => job.id));
      done += jobs.length;
    }
  };
  await Promise.all(Array.from({ length: Number(workers) }, loop));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({ done, seconds }));
}

await { fill, drain }[action]();
await boss.stop({ graceful: false });
