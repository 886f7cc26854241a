// Brokers and proxies that stand between PHP and the origin.

import { existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, type TestProcess } from '@hawser/testkit';
import { writeConfigFile } from './config-file.ts';
import { deployedBroker } from './deployed-broker.ts';
import { programPath } from './programs.ts';
import { endTree, startTied } from './tied-process.ts';

/** What stands in between: who, and how it speaks to the origin. Its file is `bench/config/NAME.*`. */
export type SidecarKind = 'hawser-node' | 'hawser-native' | 'hawser-h1' | 'haproxy-h2' | 'haproxy-h1' | 'nginx';

export interface SidecarTarget {
  /** The name in its certificate. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly ca: string;
}

export interface Sidecar extends AsyncDisposable {
  readonly pid: number;
  /** The Unix socket that PHP connects to. */
  readonly socket: string;
}

/** It ended before it accepted, because of what its configuration says. */
export class SidecarRefused extends Error {}

type Start = (command: string, args: readonly string[]) => Promise<TestProcess>;

const startWithinMs = 60_000;

/** Starts one in a directory of its own and waits until it accepts. */
export async function startSidecar(
  kind: SidecarKind,
  directory: string,
  target: SidecarTarget,
  start: Start = startTied,
): Promise<Sidecar> {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, 's.sock');
  const child = await start(...(await commandOf(kind, directory, { ...target, directory, socket })));
  try {
    await Promise.race([
      eventually(() => (existsSync(socket) ? accepts(socket) : false), { withinMs: startWithinMs, everyMs: 10 }),
      child.exited.then(() => {
        throw new SidecarRefused(`${kind} ended at once: ${child.stderr.trim()}`);
      }),
    ]);
  } catch (error) {
    if (error instanceof SidecarRefused) throw error;
    await endTree(child);
    throw new Error(`${kind} did not start: ${child.stderr}${child.stdout}`, { cause: error });
  }
  return {
    pid: child.pid,
    socket,
    [Symbol.asyncDispose]: async () => {
      await endTree(child);
    },
  };
}

async function commandOf(
  kind: SidecarKind,
  directory: string,
  values: Record<string, string | number>,
): Promise<[string, readonly string[]]> {
  switch (kind) {
    case 'hawser-node':
    case 'hawser-native':
    case 'hawser-h1': {
      const config = writeConfigFile(`${kind}.yaml`, directory, values);
      const args = ['serve', '--config', config, '--socket', String(values.socket), '--log-level', 'error'];
      return [process.execPath, [await deployedBroker(), ...args]];
    }
    case 'haproxy-h2':
    case 'haproxy-h1':
      return [programPath('haproxy'), ['-db', '-f', writeConfigFile(`${kind}.cfg`, directory, values)]];
    case 'nginx': {
      const config = writeConfigFile('sidecar.nginx.conf', directory, values);
      return [programPath('nginx'), ['-p', directory, '-c', config, '-e', 'stderr']];
    }
  }
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });
}
