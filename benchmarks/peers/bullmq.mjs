// BullMQ's side: `enqueue N` fills the queue, `work CONCURRENCY` runs jobs until a signal.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.BENCH_NODE, "package.json"));
const { Queue, Worker } = require("bullmq");
const url = new URL(process.env.BENCH_REDIS_URL);
const connection = {
  host: url.hostname,
  port: Number(url.port),
  username: decodeURIComponent(url.username) || undefined,
  password: decodeURIComponent(url.password) || undefined,
  db: Number(url.pathname.slice(1) || 0),
  maxRetriesPerRequest: null,
};
const NAME = "bench";
const CHUNK = 1000;
const [action, number] = process.argv.slice(2);

async function enqueue(jobs) {
  const queue = new Queue(NAME, { connection });
  for (let start = 0; start < jobs; start += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, jobs - start) }, () => ({ name: "empty", data: {} }));
    await queue.addBulk(chunk);
  }
  await queue.close();
}

function work(concurrency) {
  const tally = fs.openSync(process.env.BENCH_TALLY, "a");
  const record = Buffer.alloc(8);
  const empty = async () => {
    record.writeDoubleLE(Date.now() / 1000);
    fs.writeSync(tally, record);
  };
  const worker = new Worker(NAME, empty, { connection, concurrency, removeOnComplete: { count: 0 } });
  worker.on("error", (error) => console.error(error));
  process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
}

if (action === "enqueue") await enqueue(Number(number));
else work(Number(number));
