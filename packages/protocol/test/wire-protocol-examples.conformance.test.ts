// The worked bytes of docs/protocol/wire-protocol.md: they mean what the text beside them says, and the encoder writes them.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameDecoder, FrameType, type Peer } from '../src/index.ts';

const page = readFileSync(new URL('../../../docs/protocol/wire-protocol.md', import.meta.url), 'utf8');

const examples: { from: Peer; frames: Frame[] }[] = [
  {
    from: 'client',
    frames: [
      {
        type: FrameType.hello,
        nonce: Buffer.from('a0a1a2a3a4a5a6a7a8a9aaabacadaeaf', 'hex'),
        version: 1,
        agent: 'php/0.1.0',
      },
      {
        type: FrameType.request,
        exchangeId: 1,
        end: true,
        timeoutMs: 2000,
        method: 'GET',
        url: 'https://api.example.com/',
        fields: ['accept', 'application/json'],
        body: null,
      },
    ],
  },
  {
    from: 'broker',
    frames: [
      {
        type: FrameType.response,
        exchangeId: 1,
        end: true,
        status: 200,
        fields: ['content-type', 'text/plain'],
        body: Buffer.from('ok'),
        facts: {
          protocol: 'h2',
          session: 'reused',
          attempts: 1,
          cache: '',
          queueUs: 12,
          connectUs: -1,
          firstByteUs: 1500,
          totalUs: 1600,
          remoteAddress: '192.0.2.7:443',
        },
      },
    ],
  },
];

const blocks = [...page.matchAll(/```wire (client|broker)\n([^`]+)```/g)].map(([, from, text = '']) => ({
  from,
  bytes: Buffer.concat(text.trimEnd().split('\n').map(bytesOfLine)),
}));

it('has as many examples as the page', () => {
  expect(blocks.map((block) => block.from)).toEqual(examples.map((example) => example.from));
});

it.each(examples.map((example, index) => ({ ...example, bytes: blocks[index]?.bytes ?? Buffer.alloc(0) })))(
  'reads and writes the example from the $from',
  ({ from, frames, bytes }) => {
    const decoded: Frame[] = [];
    new FrameDecoder({ from }).push(bytes, (frame) => decoded.push(frame));
    expect(decoded).toEqual(frames);
    expect(Buffer.concat(frames.map(encodeFrame)).toString('hex')).toBe(bytes.toString('hex'));
  },
);

it('names every frame of the table with its number', () => {
  for (const [name, number] of Object.entries(FrameType)) {
    expect(page).toMatch(new RegExp(`^\\| ${number} +\\| ${name.toUpperCase()} +\\|.*\`\\[${number}, `, 'm'));
  }
});

/** Hex digits, then at least two spaces, then what they are. */
function bytesOfLine(line: string): Buffer {
  const hex = line.split(/ {2,}/)[0]?.replaceAll(' ', '') ?? '';
  expect(hex, line).toMatch(/^([0-9a-f]{2})+$/);
  return Buffer.from(hex, 'hex');
}
