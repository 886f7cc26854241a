import { expect, it } from 'vitest';
import { encodeFrame } from './encode.ts';
import { FrameType } from './frame.ts';
import { WelcomeFinder } from './resync.ts';

const nonce = Buffer.from('a0a1a2a3a4a5a6a7a8a9aaabacadaeaf', 'hex');
const welcome = encodeFrame({
  type: FrameType.welcome,
  nonce,
  version: 1,
  maxExchanges: 256,
  maxFrameBytes: 512 * 1024,
  agent: 'hawser',
});

it('yields from the length prefix on', () => {
  const rest = new WelcomeFinder(nonce).push(
    Buffer.concat([Buffer.from('rest of a frame'), welcome, Buffer.from('more')]),
  );
  expect(rest?.toString('hex')).toBe(Buffer.concat([welcome, Buffer.from('more')]).toString('hex'));
});

it('carries the length prefix over from an earlier chunk', () => {
  for (let at = 1; at < 4 + 5 + 16; at++) {
    const finder = new WelcomeFinder(nonce);
    expect(
      finder.push(Buffer.concat([Buffer.alloc(50, 0x94), welcome.subarray(0, at)])),
      `split at ${at}`,
    ).toBeUndefined();
    expect(finder.push(welcome.subarray(at))?.equals(welcome), `split at ${at}`).toBe(true);
  }
});

it('does not mistake the mark without a length prefix for a WELCOME', () => {
  const finder = new WelcomeFinder(nonce);
  expect(finder.push(welcome.subarray(4))).toBeUndefined();
  expect(finder.push(welcome)?.equals(welcome)).toBe(true);
});

it('holds a bounded tail however much is discarded', () => {
  const finder = new WelcomeFinder(nonce);
  for (let i = 0; i < 1000; i++) expect(finder.push(Buffer.alloc(65536, 0x94))).toBeUndefined();
  expect(finder.push(welcome)?.equals(welcome)).toBe(true);
});

it('refuses a nonce of another length', () => {
  expect(() => new WelcomeFinder(Buffer.alloc(15))).toThrow(/nonce of 15 bytes; allowed is 16/);
});
