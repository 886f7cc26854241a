// What a run holds from its beginning to its end: a directory, a certificate, and the brokers.

import { chmodSync, mkdirSync } from 'node:fs';
import { createTemporaryDirectory, type TemporaryDirectory } from '@hawser/testkit';
import type { Contender } from './contender.ts';
import { createOriginCertificate, Origin, type OriginCertificate } from './origin.ts';
import type { PhpFacts } from './php-packages.ts';
import type { Progress } from './progress.ts';
import type { Scale } from './scale.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';

/** A contender that cannot take part, and why. */
export interface Skipped {
  readonly contender: string;
  readonly scenario: string | null;
  readonly reason: string;
}

export class Stand implements AsyncDisposable {
  readonly certificate: OriginCertificate;
  readonly php: PhpFacts;
  readonly scale: Scale;
  readonly progress: Progress;
  readonly skipped: Skipped[] = [];
  readonly #directory: TemporaryDirectory;
  readonly #brokers = new Map<string, Sidecar>();
  readonly #warm = new Set<string>();
  #number = 0;

  private constructor(
    directory: TemporaryDirectory,
    certificate: OriginCertificate,
    php: PhpFacts,
    scale: Scale,
    progress: Progress,
  ) {
    this.#directory = directory;
    this.certificate = certificate;
    this.php = php;
    this.scale = scale;
    this.progress = progress;
  }

  static async open(php: PhpFacts, scale: Scale, progress: Progress): Promise<Stand> {
    const directory = createTemporaryDirectory();
    // nginx's workers give up root and still read what is in it.
    chmodSync(directory.path, 0o755);
    process.once('exit', directory.remove);
    return new Stand(directory, await createOriginCertificate(directory.path), php, scale, progress);
  }

  /** A directory of its own, with a short name: paths of Unix sockets have room for about 100 bytes. */
  makeDirectory(): string {
    this.#number++;
    const path = this.#directory.file(String(this.#number));
    mkdirSync(path);
    return path;
  }

  startOrigin(): Promise<Origin> {
    return Origin.start(this.makeDirectory(), this.certificate);
  }

  /**
   * What stands between the contender's PHP and the origin on that port; null where nothing does. A broker is the same
   * for the whole run, as in a pod, and new to each origin; a proxy is told its origin when it starts.
   */
  async sidecarOf(contender: Contender, port: number): Promise<{ sidecar: Sidecar | null; stop(): Promise<void> }> {
    const nothing = async (): Promise<void> => {};
    const kind = contender.sidecar;
    if (kind === null) return { sidecar: null, stop: nothing };
    const target = { host: 'localhost', address: '127.0.0.1', port, ca: this.certificate.ca };
    if (!kind.startsWith('hawser')) {
      const sidecar = await startSidecar(kind, this.makeDirectory(), target);
      return { sidecar, stop: async () => await sidecar[Symbol.asyncDispose]() };
    }
    let broker = this.#brokers.get(contender.name);
    if (broker === undefined) {
      broker = await startSidecar(kind, this.makeDirectory(), target);
      this.#brokers.set(contender.name, broker);
    }
    return { sidecar: broker, stop: nothing };
  }

  /** True once for each contender's broker: Node has compiled little of it yet. */
  isFirstUse(contender: Contender): boolean {
    if (!contender.name.startsWith('hawser') || this.#warm.has(contender.name)) return false;
    this.#warm.add(contender.name);
    return true;
  }

  skip(contender: string, scenario: string | null, reason: string): void {
    this.skipped.push({ contender, scenario, reason });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#brokers.values()].map((broker) => broker[Symbol.asyncDispose]()));
    process.off('exit', this.#directory.remove);
    this.#directory.remove();
  }
}
