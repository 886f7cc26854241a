// Reads docs/protocol/vectors/*.json; its README.md describes the format.

import { readdirSync, readFileSync } from 'node:fs';
import { type ErrorName, type Frame, FrameType, type Peer } from '../src/index.ts';

export interface VectorCase {
  /** File and name: what a failing test shows. */
  title: string;
  from: Peer;
  bytes: Buffer;
  /** What the bytes decode to, up to the error if there is one. */
  frames: Frame[];
  error: ErrorName | undefined;
  /** Whether encoding `frames` gives exactly `bytes`. */
  isCanonical: boolean;
  /** Whether the bytes end inside a frame. */
  isMidFrame: boolean;
  /** Given where the bytes are read by a client that looks for the WELCOME with this nonce. */
  nonce: Buffer | undefined;
}

const folder = new URL('../../../docs/protocol/vectors/', import.meta.url);

/** Every case of every file. */
export function readVectors(): VectorCase[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.flatMap((file) => {
    const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as JsonCase[];
    return cases.map((json) => ({
      title: `${file}: ${json.name}`,
      from: json.from,
      bytes: toBytes(json.hex),
      frames: json.frames.map(toFrame),
      error: json.error,
      isCanonical: json.canonical ?? false,
      isMidFrame: json.midFrame ?? false,
      nonce: json.nonce && toBytes(json.nonce.hex),
    }));
  });
}

type JsonHex = string | (string | { repeat: string; times: number })[];
type JsonOctets = string | { hex: JsonHex };

interface JsonCase {
  name: string;
  from: Peer;
  hex: JsonHex;
  frames: JsonFrame[];
  error?: ErrorName;
  canonical?: boolean;
  midFrame?: boolean;
  nonce?: { hex: JsonHex };
}

interface JsonFrame {
  type: string;
  [member: string]: unknown;
}

function toBytes(hex: JsonHex): Buffer {
  const parts = typeof hex === 'string' ? [hex] : hex;
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'string'
        ? Buffer.from(part.replaceAll(' ', ''), 'hex')
        : Buffer.alloc(part.times * (part.repeat.length / 2), part.repeat, 'hex'),
    ),
  );
}

function toFrame(json: JsonFrame): Frame {
  const frame: Record<string, unknown> = {
    ...json,
    type: FrameType[json.type.toLowerCase() as keyof typeof FrameType],
  };
  for (const member of ['nonce', 'payload', 'body']) {
    const value = json[member] as { hex: JsonHex } | null | undefined;
    if (value) frame[member] = toBytes(value.hex);
  }
  for (const member of ['method', 'url']) {
    if (member in json) frame[member] = toOctetString(json[member] as JsonOctets);
  }
  for (const member of ['fields', 'trailers']) {
    if (member in json)
      frame[member] = (json[member] as Parameters<typeof toFieldElements>[0][]).flatMap(toFieldElements);
  }
  return frame as unknown as Frame;
}

/** One octet per character. */
function toOctetString(json: JsonOctets): string {
  return typeof json === 'string' ? json : toBytes(json.hex).toString('latin1');
}

function toFieldElements(json: JsonOctets | { repeat: string[]; times: number }): string[] {
  if (typeof json === 'string' || 'hex' in json) return [toOctetString(json)];
  return Array.from({ length: json.times }, () => json.repeat).flat();
}
