// The lab's network: app → nat → origin, and what the kernel counts at the NAT.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProcess } from '@hawser/testkit';
import { writeConfigFile } from '../config-file.ts';
import { Namespace } from './namespace.ts';

export interface NatOptions {
  /** Source ports that the NAT has for everything. */
  readonly ports: number;
  /** How long a port stays taken after its connection has ended. */
  readonly holdSeconds: number;
}

/** What the NAT has at a moment. */
export interface NatCounts {
  /** Connections that it tracks: each has a port of its own. */
  readonly ports: number;
  /** Connections for which it found no port, since it was made. */
  readonly insertFailed: number;
}

export const originHost = 'origin.hawser.test';
export const originAddress = '10.77.1.2';
const natAddress = '10.77.1.1';
const firstPort = 40_000;

export class NatNetwork implements AsyncDisposable {
  readonly app: Namespace;
  readonly origin: Namespace;
  readonly #stack: AsyncDisposableStack;
  readonly #sampler: TestProcess;

  private constructor(app: Namespace, origin: Namespace, sampler: TestProcess, stack: AsyncDisposableStack) {
    this.app = app;
    this.origin = origin;
    this.#sampler = sampler;
    this.#stack = stack;
  }

  static async open(directory: string, options: NatOptions): Promise<NatNetwork> {
    await using stack = new AsyncDisposableStack();
    const [app, nat, origin] = await Promise.all([Namespace.open(), Namespace.open(), Namespace.open()]);
    for (const namespace of [app, nat, origin]) stack.use(namespace);

    for (const [name, namespace] of Object.entries({ app, origin })) {
      const link = ['link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(namespace.pid)];
      await nat.exec('ip', link);
    }
    await addAddress(nat, 'app', '10.77.0.1/24');
    await addAddress(nat, 'origin', `${natAddress}/24`);
    await addAddress(app, 'eth0', '10.77.0.2/24');
    await addAddress(origin, 'eth0', `${originAddress}/24`);
    await app.exec('ip', ['route', 'add', 'default', 'via', '10.77.0.1']);

    await nat.set({ 'net/ipv4/ip_forward': 1 });
    const rules = writeConfigFile('nat.nft', directory, {
      address: natAddress,
      firstPort,
      lastPort: firstPort + options.ports - 1,
      // Before the port may be given again.
      forgetSeconds: Math.max(1, options.holdSeconds - 1),
    });
    await nat.exec('nft', ['-f', rules]);
    // Whatever is left of an ending: each of these would hold the port longer or shorter otherwise.
    for (const state of ['fin_wait', 'close_wait', 'last_ack']) {
      await nat.set({ [`net/netfilter/nf_conntrack_tcp_timeout_${state}`]: options.holdSeconds });
    }
    // Its last packets are not answered: see nat.nft. It shall not go on for a minute and more.
    await origin.set({ 'net/ipv4/tcp_orphan_retries': 1, 'net/core/somaxconn': 4096 });

    const hosts = join(directory, 'hosts');
    writeFileSync(hosts, `127.0.0.1 localhost\n${originAddress} ${originHost}\n`);
    await app.exec('mount', ['--bind', hosts, '/etc/hosts']);

    const files = '/proc/sys/net/netfilter/nf_conntrack_count /proc/net/stat/nf_conntrack';
    const sampler = await nat.start('sh', ['-c', `while read -r _; do cat ${files}; echo end; done`]);
    return new NatNetwork(app, origin, sampler, stack.move());
  }

  async counts(): Promise<NatCounts> {
    this.#sampler.writeLine('');
    const lines: string[] = [];
    for (let line = await this.#sampler.line(); line !== 'end'; line = await this.#sampler.line()) lines.push(line);
    const [ports = '', head = '', ...processors] = lines;
    const column = head.trim().split(/\s+/).indexOf('insert_failed');
    if (column < 0) throw new Error(`/proc/net/stat/nf_conntrack has no insert_failed: ${head}`);
    const failed = processors.map((line) => Number.parseInt(line.trim().split(/\s+/)[column] ?? '0', 16));
    return { ports: Number(ports), insertFailed: failed.reduce((sum, value) => sum + value, 0) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function addAddress(namespace: Namespace, link: string, address: string): Promise<void> {
  await namespace.exec('ip', ['address', 'add', address, 'dev', link]);
  await namespace.exec('ip', ['link', 'set', link, 'up']);
}
