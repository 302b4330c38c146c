// Walks advance a little at a time, so that the page answers while it computes: those of the highest rank first, those
// of one rank in turn.

const SLICE = 20; // milliseconds of computing between two moments in which the browser may draw and listen
const waiting = [];
let running = false;

// Advance a walk: `step(frame)` after each step, `end(frame, milliseconds)` after the last. Returns how to stop it.
export function advance(walk, { rank = 0, step = () => {}, end = () => {} }) {
  const job = { walk, rank, step, end, spent: 0, last: null };
  waiting.push(job);
  if (!running) run();
  return () => drop(job);
}

function drop(job) {
  if (waiting.includes(job)) waiting.splice(waiting.indexOf(job), 1);
}

async function run() {
  running = true;
  while (waiting.length) {
    await pause();
    const until = performance.now() + SLICE;
    while (waiting.length && performance.now() < until) {
      const first = Math.min(...waiting.map((job) => job.rank));
      const job = waiting.find(({ rank }) => rank === first);
      drop(job);
      const before = performance.now();
      const { done, value } = job.walk.next();
      job.spent += performance.now() - before;
      if (done) job.end(job.last, job.spent);
      else {
        job.last = value;
        waiting.push(job);
        job.step(value);
      }
    }
  }
  running = false;
}

const channel = new MessageChannel();
const resume = [];
channel.port1.onmessage = () => resume.shift()();

function pause() {
  return new Promise((go) => {
    resume.push(go);
    channel.port2.postMessage(null);
  });
}

// Once, when the node is first on the screen or near it.
export function whenSeen(node, act) {
  const watch = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      act();
    },
    { rootMargin: "200px" },
  );
  watch.observe(node);
}
