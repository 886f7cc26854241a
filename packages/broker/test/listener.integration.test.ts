import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createTemporaryDirectory, eventually, startNode, type TemporaryDirectory } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ListenError, Listener } from '../src/listener.ts';

const main = new URL('../src/main.ts', import.meta.url).pathname;

let directory: TemporaryDirectory;
let path: string;
const listeners: Listener[] = [];

beforeEach(() => {
  directory = createTemporaryDirectory();
  path = directory.file('hawser.sock');
});

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
  directory.remove();
});

describe('the socket file', () => {
  test.each([0o600, 0o660, 0o666])('has the mode asked for, whatever the umask: %o', async (mode) => {
    const before = process.umask(0o077);
    try {
      await open({ mode });
    } finally {
      process.umask(before);
    }
    expect(lstatSync(path).isSocket()).toBe(true);
    expect(lstatSync(path).mode & 0o777).toBe(mode);
  });

  test('is the only thing left in the directory, and is gone after close', async () => {
    const listener = await open();
    expect(readdirSync(directory.path)).toEqual(['hawser.sock']);
    listener.close();
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test('is put into a directory that is made for it', async () => {
    path = directory.file('hawser/hawser.sock');
    await open();
    expect(await answers(path)).toBe(true);
  });

  test('may have a path of 107 bytes, and no more', async () => {
    const longest = `${directory.path}/${'s'.repeat(107 - directory.path.length - 1)}`;
    path = longest;
    await open();
    expect(await answers(longest)).toBe(true);
    path = `${longest}s`;
    await expect(open()).rejects.toThrow(`socket path ${path} has 108 bytes; a socket address holds 107`);
  });
});

describe('a path that is taken', () => {
  test('by a socket that nobody listens on is taken over', async () => {
    await leaveStaleSocket(path);
    const stale = lstatSync(path).ino;
    expect(await answers(path)).toBe(false);
    await open();
    expect(await answers(path)).toBe(true);
    expect(lstatSync(path).ino).not.toBe(stale);
    expect(readdirSync(directory.path)).toEqual(['hawser.sock']);
  });

  test('by a process that was killed is taken over', async () => {
    const child = await startNode(main, ['serve', '--socket', path]);
    await child.line((line) => line.includes('listening'));
    await child.stop('SIGKILL');
    expect(lstatSync(path).isSocket()).toBe(true);
    await open();
    expect(await answers(path)).toBe(true);
  });

  test('by a living broker is left alone, and the error says so', async () => {
    const first = await open();
    const file = lstatSync(path);
    await expect(open()).rejects.toThrow(
      new ListenError(`another broker serves ${path}; stop it first or choose another --socket`),
    );
    expect(lstatSync(path).ino).toBe(file.ino);
    expect(await answers(path)).toBe(true);
    expect(readdirSync(directory.path)).toEqual(['hawser.sock']);
    first.close();
  });

  test('by a living process that does not accept is left alone', async () => {
    const server = createServer().listen(path);
    await once(server, 'listening');
    await expect(open()).rejects.toThrow(ListenError);
    expect(lstatSync(path).isSocket()).toBe(true);
    server.close();
  });

  test.each<[string, (path: string) => void]>([
    ['a regular file', (file) => writeFileSync(file, 'precious')],
    ['a directory', (file) => mkdirSync(file)],
    ['a symbolic link', (file) => symlinkSync('/nowhere', file)],
  ])('by %s is left alone', async (_name, make) => {
    make(path);
    const before = lstatSync(path);
    await expect(open()).rejects.toThrow(new ListenError(`${path} exists and is not a socket`));
    expect(lstatSync(path).ino).toBe(before.ino);
    expect(readdirSync(directory.path)).toEqual(['hawser.sock']);
  });
});

describe('a place where no socket can be', () => {
  test('under a file', async () => {
    writeFileSync(directory.file('file'), '');
    path = directory.file('file/hawser.sock');
    await expect(open()).rejects.toThrow(ListenError);
    await expect(open()).rejects.toThrow(/^cannot make the directory of the socket: E(NOTDIR|EXIST)/);
  });

  test.skipIf(process.getuid?.() === 0)(
    'a directory that may not be written (not for root, who may write everywhere)',
    async () => {
      chmodSync(directory.path, 0o500);
      await expect(open()).rejects.toThrow(/^cannot listen in .*EACCES/);
      chmodSync(directory.path, 0o700);
    },
  );
});

describe('close', () => {
  test("leaves a successor's file alone", async () => {
    const first = await open();
    const moved = directory.file('moved.sock');
    // As a broker that takes the path over by rename does.
    linkSync(path, moved);
    rmSync(path);
    const second = await open();
    first.close();
    expect(await answers(path)).toBe(true);
    second.close();
    expect(existsSync(path)).toBe(false);
  });

  test('keeps the connections that are there', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const listener = await open({ onConnection: accepted.resolve });
    const client = connect(path);
    const served = await accepted.promise;
    listener.close();
    client.write('still here');
    expect(String((await once(served, 'data'))[0])).toBe('still here');
    client.destroy();
    await once(served, 'close');
  });

  test('without the file is no error', async () => {
    const listener = await open();
    rmSync(path);
    listener.close();
  });
});

describe('brokers that start at once', () => {
  test.each([false, true])('in one process, stale file there: %s; exactly one wins, ten times', async (isStale) => {
    for (let round = 0; round < 10; round++) {
      if (isStale) await leaveStaleSocket(path);
      const results = await Promise.allSettled([open(), open(), open()]);
      const winners = results.filter((result) => result.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ListenError);
      }
      expect(await answers(path)).toBe(true);
      expect(readdirSync(directory.path)).toEqual(['hawser.sock']);
      for (const listener of listeners.splice(0)) listener.close();
    }
  });

  test('as processes: exactly one serves, the other says why it does not', async () => {
    await leaveStaleSocket(path);
    await using first = await startNode(main, ['serve', '--socket', path]);
    await using second = await startNode(main, ['serve', '--socket', path]);
    const loser = await Promise.race([first.exited.then(() => first), second.exited.then(() => second)]);
    expect((await loser.exited).code).toBe(1);
    expect(loser.stderr).toBe(`hawser: another broker serves ${path}; stop it first or choose another --socket\n`);
    const winner = loser === first ? second : first;
    await winner.line((line) => line.includes('listening'));
    expect(await answers(path)).toBe(true);
    expect((await winner.stop('SIGTERM')).code).toBe(0);
    await eventually(() => expect(readdirSync(directory.path)).toEqual([]));
  });
});

async function open(options: { mode?: number; onConnection?: (socket: Socket) => void } = {}): Promise<Listener> {
  const { mode = 0o660, onConnection = (socket) => socket.destroy() } = options;
  const listener = await Listener.open({ path, mode, onConnection, onAcceptError: () => {} });
  listeners.push(listener);
  return listener;
}

/** Whether somebody accepts there. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.resume();
  });
}

/** The file of a listener that is gone: Node removes the name it bound, and this one stays. */
async function leaveStaleSocket(socketPath: string): Promise<void> {
  const server = createServer().listen(`${socketPath}.x`);
  await once(server, 'listening');
  linkSync(`${socketPath}.x`, socketPath);
  server.close();
  await once(server, 'close');
}
