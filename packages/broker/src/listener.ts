// The Unix socket that PHP connects to: bound beside its path and moved into place, so no client ever sees half of it.

import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, renameSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';

export interface ListenerOptions {
  /** Absolute path of the socket. */
  readonly path: string;
  /** Permission bits of the socket file; connecting needs the write bit. */
  readonly mode: number;
  readonly onConnection: (socket: Socket) => void;
  /** A connection could not be accepted, for want of a file descriptor say; it is lost, the listener goes on. */
  readonly onAcceptError: (error: Error) => void;
}

/** The socket could not be taken; the message says by whom or by what. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Longest path that a socket address holds on Linux: 108 bytes with the final NUL. */
const maxPathBytes = 107;

/** A broker on this host that does not accept within this time is not alive. */
const aliveTimeoutMs = 1_000;

export class Listener {
  readonly path: string;
  readonly #server: Server;
  readonly #file: Stats;

  private constructor(path: string, server: Server, file: Stats) {
    this.path = path;
    this.#server = server;
    this.#file = file;
  }

  /**
   * Listens on `path`. A socket file that nobody listens on any more is replaced; one that a living process serves, or
   * a file of another kind, is left alone and a ListenError thrown.
   */
  static async open(options: ListenerOptions): Promise<Listener> {
    const { path } = options;
    const temporary = join(dirname(path), `.${randomBytes(4).toString('hex')}`);
    checkLength(path);
    checkLength(temporary);
    makeDirectory(dirname(path));
    const server = createServer({ allowHalfOpen: false }, options.onConnection);
    await listen(server, temporary);
    server.on('error', options.onAcceptError);
    try {
      chmodSync(temporary, options.mode);
      // Another broker may move the file away for a moment while it finds out that this one is alive.
      const file = lstatSync(temporary);
      await moveInto(temporary, path);
      return new Listener(path, server, file);
    } catch (error) {
      server.close();
      throw error instanceof ListenError ? error : new ListenError(`cannot listen on ${path}: ${messageOf(error)}`);
    } finally {
      removeIfThere(temporary);
    }
  }

  /** Accepts no more and removes the socket file, unless another broker has taken the path over. */
  close(): void {
    const now = statOrNull(this.path);
    if (now !== null && isSameFile(now, this.#file)) removeIfThere(this.path);
    this.#server.close();
  }
}

function checkLength(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > maxPathBytes)
    throw new ListenError(`socket path ${path} has ${bytes} bytes; a socket address holds ${maxPathBytes}`);
}

/** One level: with `recursive`, Node tries for ever where the kernel says ENOENT to every attempt, as in /proc. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
    throw new ListenError(`cannot make the directory of the socket: ${messageOf(error)}`);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new ListenError(`cannot listen in ${dirname(path)}: ${error.message}`));
    server.once('error', fail);
    server.listen({ path, backlog: 1024 }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** A hard link never replaces a file, so of two brokers that start at once one finds the path taken. */
async function moveInto(temporary: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      linkSync(temporary, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const stale = statOrNull(path);
    if (stale === null) continue;
    if (!stale.isSocket()) throw new ListenError(`${path} exists and is not a socket`);
    if (await isAlive(path))
      throw new ListenError(`another broker serves ${path}; stop it first or choose another --socket`);
    moveAside(path, stale);
  }
  throw new ListenError(`${path} keeps changing; is another broker starting?`);
}

/** Removes the stale file, and puts back what it caught instead if another broker was faster. */
function moveAside(path: string, stale: Stats): void {
  const aside = `${dirname(path)}/.${basename(path).slice(0, 8)}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (!isSameFile(lstatSync(aside), stale)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third broker is there already; the caller finds it on its next turn.
    }
  }
  removeIfThere(aside);
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => settle(true));
    // Full backlog or no permission: somebody is there.
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'EAGAIN' || error.code === 'EACCES'));
    socket.setTimeout(aliveTimeoutMs, () => settle(false));
  });
}

/** The inode's number alone would do for files that both exist; one that is gone leaves its number to the next. */
function isSameFile(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.mtimeMs === b.mtimeMs;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function statOrNull(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
