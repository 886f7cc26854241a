// Measures the broker's codec in a process of its own: `node codec.ts CASE SECONDS` prints operations and CPU as JSON.

import { encodeFrame, type Frame, FrameDecoder, FrameType } from '@hawser/protocol';

const request: Frame = {
  type: FrameType.request,
  exchangeId: 1,
  end: true,
  timeoutMs: 30_000,
  method: 'GET',
  url: 'https://api.example.com/v1/orders/42?expand=lines',
  fields: ['accept', 'application/json', 'authorization', 'Bearer 0123456789abcdef', 'user-agent', 'application/1.0'],
  body: null,
};

const response: Frame = {
  type: FrameType.response,
  exchangeId: 1,
  end: true,
  status: 200,
  fields: ['server', 'nginx', 'date', 'Wed, 25 Nov 2026 12:00:00 GMT', 'content-type', 'application/json'],
  body: Buffer.alloc(512, 'x'),
  facts: {
    protocol: 'h2',
    session: 'reused',
    attempts: 1,
    cache: '',
    queueUs: 12,
    connectUs: -1,
    firstByteUs: 214,
    totalUs: 260,
    remoteAddress: '192.0.2.1:443',
  },
};

const [name, seconds] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(measure(operationOf(name), Number(seconds)))}\n`);

function operationOf(which: string | undefined): () => void {
  switch (which) {
    case 'decode REQUEST': {
      const decoder = new FrameDecoder({ from: 'client' });
      const bytes = encodeFrame(request);
      return () => decoder.push(bytes, () => {});
    }
    case 'encode RESPONSE':
      return () => void encodeFrame(response);
    default:
      throw new Error(`case is '${which}'; allowed: decode REQUEST, encode RESPONSE`);
  }
}

function measure(operation: () => void, forSeconds: number) {
  const batch = 1000;
  const runFor = (s: number): number => {
    const until = performance.now() + s * 1000;
    let count = 0;
    do {
      for (let i = 0; i < batch; i++) operation();
      count += batch;
    } while (performance.now() < until);
    return count;
  };
  runFor(forSeconds / 2);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const operations = runFor(forSeconds);
  const wallMs = performance.now() - startedAt;
  const cpu = process.cpuUsage(cpuBefore);
  return { operations, wallMs, cpuUs: cpu.user + cpu.system };
}
