// A DNS server on a UDP port of its own, whose answers are a script: addresses, aliases, TTLs, failure, silence.

import { createSocket, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** What a question for one type of record gets. `silence`: nothing at all. An empty list: the name exists, without such records. */
export type DnsReply = readonly string[] | 'nxdomain' | 'servfail' | 'refused' | 'silence';

export interface DnsScript {
  /** IPv4 addresses; default none. */
  readonly a?: DnsReply;
  /** IPv6 addresses; default none. */
  readonly aaaa?: DnsReply;
  /** Seconds; default 60. */
  readonly ttl?: number;
  /** The name is an alias, and the records are this one's. */
  readonly alias?: { readonly name: string; readonly ttl: number };
  /** Milliseconds before a reply leaves, by type; default 0. */
  readonly delayMs?: { readonly a?: number; readonly aaaa?: number };
}

/** RFC 1035 sections 3.2.2 and 4.1.1, RFC 3596. */
const types = { A: 1, CNAME: 5, AAAA: 28 } as const;
const rcodes = { nxdomain: 3, servfail: 2, refused: 5 } as const;
const typeNames: Readonly<Record<number, 'A' | 'AAAA'>> = { [types.A]: 'A', [types.AAAA]: 'AAAA' };

/** Names without a script do not exist. */
export class DnsServer {
  /** `127.0.0.1:PORT`, as a resolver takes it. */
  readonly address: string;
  /** Every question so far, such as `A api.test`. */
  readonly questions: string[] = [];
  readonly #socket: Socket;
  readonly #scripts = new Map<string, DnsScript>();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.address = `127.0.0.1:${socket.address().port}`;
    socket.on('message', (message, peer) =>
      this.#answer(message, (reply) => socket.send(reply, peer.port, peer.address)),
    );
  }

  static async start(): Promise<DnsServer> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, '127.0.0.1', resolve);
    });
    return new DnsServer(socket);
  }

  /** Scripts a name from now on. */
  set(name: string, script: DnsScript): void {
    this.#scripts.set(name.toLowerCase(), script);
  }

  /** How often `A name` or `AAAA name` was asked. */
  count(question: string): number {
    return this.questions.filter((asked) => asked === question).length;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(message: Buffer, send: (reply: Buffer) => void): void {
    const { name, type, end } = readQuestion(message);
    const typeName = typeNames[type];
    if (typeName === undefined) return;
    this.questions.push(`${typeName} ${name}`);
    const script = this.#scripts.get(name) ?? { a: 'nxdomain', aaaa: 'nxdomain' };
    const reply = (typeName === 'A' ? script.a : script.aaaa) ?? [];
    if (reply === 'silence') return;
    const encoded = encodeReply(message.subarray(0, end), name, type, reply, script);
    const delayMs = (typeName === 'A' ? script.delayMs?.a : script.delayMs?.aaaa) ?? 0;
    if (delayMs === 0) {
      send(encoded);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send(encoded);
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** Header and question, RFC 1035 section 4.1; there is one question, and its name is not compressed. */
function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function encodeReply(question: Buffer, name: string, type: number, reply: DnsReply, script: DnsScript): Buffer {
  const { ttl = 60, alias } = script;
  const rcode = typeof reply === 'string' ? rcodes[reply as keyof typeof rcodes] : 0;
  const records: Buffer[] = [];
  if (typeof reply !== 'string') {
    const owner = alias?.name ?? name;
    if (alias !== undefined) records.push(encodeRecord(name, types.CNAME, alias.ttl, encodeName(alias.name)));
    records.push(...reply.map((address) => encodeRecord(owner, type, ttl, encodeAddress(address))));
  }
  const head = Buffer.from(question);
  // QR, RD and RA; one question, no authority, no additional records.
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...records]);
}

/** RFC 1035 section 4.1.3: name, type, class IN, TTL, length, data. */
function encodeRecord(name: string, type: number, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), fixed, data]);
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** IPv6 in any form but with an embedded IPv4 address. */
function encodeAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [left = '', right = ''] = address.split('::') as [string, string?];
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = groups(left);
  const tail = groups(right);
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
