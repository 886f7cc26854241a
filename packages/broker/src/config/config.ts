// The broker's configuration as the rest of the broker sees it.

import { defaultEgressOptions, defaultOriginOptions, type EgressOptions } from '@hawser/upstream';
import { Origins } from './origins.ts';

export interface Config {
  readonly listen: {
    /** Path of the Unix socket for PHP. */
    readonly socket: string;
    /** Its permission bits. */
    readonly mode: number;
  };
  /** Where the broker may connect. */
  readonly egress: EgressOptions;
  readonly origins: Origins;
}

/** Where PHP looks without being told. */
export const defaultSocketPath = '/run/hawser/hawser.sock';

/** What holds without a file: every https and http origin, with the defaults. */
export const defaultConfig: Config = Object.freeze({
  listen: Object.freeze({ socket: defaultSocketPath, mode: 0o660 }),
  egress: defaultEgressOptions,
  origins: new Origins([], defaultOriginOptions),
});
