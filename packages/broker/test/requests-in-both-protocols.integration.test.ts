// Requests (RFC 9110) through the whole broker, the same rows for HTTP/2 by each engine and for HTTP/1.1, as an honest origin
// sees them.

import { engines } from '@hawser/http2';
import { eventually } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Caller } from './caller.ts';
import { TestStand } from './test-stand.ts';

const KiB = 1024;

/** What an honest origin sees of a request. */
interface Inspected {
  readonly fields: readonly string[];
  readonly bodyBytes: number;
  readonly trailers: readonly string[];
}

describe.each([...engines.map((engine) => ['h2', engine]), ['h1', 'node']])(
  'requests over %s, %s engine',
  (protocol, engine) => {
    const isH2 = protocol === 'h2';
    let stand: TestStand;
    let client: Caller;
    let url: string;

    beforeAll(async () => {
      const times = 'timeouts: { connect: 10s }';
      stand = await TestStand.start({ originConfig: [`protocol: ${protocol}`, `http2: { engine: ${engine} }`, times] });
      client = await Caller.connect(stand.socket);
      url = `${stand.origin.url}/inspect`;
    });

    afterAll(async () => {
      client[Symbol.dispose]();
      await stand[Symbol.asyncDispose]();
    });

    async function inspect(call: ReturnType<Caller['start']>): Promise<Inspected> {
      const ended = await call.ended;
      expect(ended.outcome).toMatchObject({ status: 200, error: null });
      return JSON.parse(ended.body.toString()) as Inspected;
    }

    test('connection-specific fields stay here (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2)', async () => {
      const own = [
        'connection',
        'x-hop, keep-alive',
        'x-hop',
        '1',
        'keep-alive',
        'timeout=5',
        'proxy-connection',
        'x',
        'te',
        'gzip',
        'upgrade',
        'x',
      ];
      const { fields } = await inspect(client.start('GET', url, { fields: [...own, 'x-end', '1'] }));
      const names = fields.filter((_, index) => index % 2 === 0);
      // HTTP/1.1 says of its own connection that it is to be kept.
      expect(names.filter((name) => name !== 'host' && name !== 'connection')).toEqual(['x-end']);
      if (isH2) expect(names).not.toContain('connection');
    });

    test('a streamed body without a length goes out without one', async () => {
      const call = client.start('POST', url, { body: 'stream' });
      call.write('abc');
      // What is whole before it goes out has a length after all.
      await eventually(() => expect(stand.origin.stats().openRequests).toBe(1));
      call.end();
      const { bodyBytes, fields } = await inspect(call);
      expect(bodyBytes).toBe(3);
      expect(fields).not.toContain('content-length');
    });

    test('request trailers: sent in HTTP/2, refused with a clear error in HTTP/1.1', async () => {
      const call = client.start('POST', url, { body: 'stream' });
      call.write('abc');
      call.end(['x-sum', '1', 'x-part', 'a', 'x-part', 'b']);
      if (isH2) {
        expect((await inspect(call)).trailers).toEqual(['x-sum', '1', 'x-part', 'a', 'x-part', 'b']);
      } else {
        expect((await call.ended).outcome).toMatchObject({ error: 'request_unsupported', processed: 'maybe' });
        expect(call.error?.message).toContain('they need HTTP/2');
      }
    });

    test.each([
      ['990 lines', Array.from({ length: 990 }, (_, i) => [`x-${i}`, 'v']).flat()],
      ['one line of 60 KiB', ['x-large', 'v'.repeat(60 * KiB)]],
    ])('many and large fields arrive: %s', async (_what, fields) => {
      const seen = await inspect(client.start('GET', url, { fields }));
      expect(seen.fields.slice(-fields.length)).toEqual(fields);
    });

    test('fields beyond the limit of the wire are refused, unprocessed', async () => {
      const fields = ['x-large', 'v'.repeat(193 * KiB)];
      const { outcome } = await client.start('POST', url, { fields }).ended;
      expect(outcome).toMatchObject({ error: 'request_too_large', processed: 'no' });
    });

    test.each(['whole', 'streamed'])('a body that is not as long as its content-length is refused: %s', async (how) => {
      const fields = ['content-length', '5'];
      const call = client.start('POST', url, { fields, body: how === 'whole' ? 'abc' : 'stream' });
      if (how === 'streamed') {
        call.write('abc');
        call.end();
      }
      expect((await call.ended).outcome).toMatchObject({ status: 0, error: 'request_invalid' });
      expect(call.error?.message).toContain("'content-length' is 5, the body has 3 bytes");
    });
  },
);
