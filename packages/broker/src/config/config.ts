// The broker's configuration as the rest of the broker sees it.

import {
  defaultEgressOptions,
  defaultMaxSessions,
  defaultNatOptions,
  defaultOriginOptions,
  type EgressOptions,
  type NatOptions,
} from '@hawser/upstream';
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
  /** What the NAT between this pod and the origins can hold. */
  readonly nat: NatOptions;
  readonly limits: {
    /** Sessions to all origins together. Default 1,000. */
    readonly sessions: number;
  };
  readonly origins: Origins;
}

/** Where PHP looks without being told. */
export const defaultSocketPath = '/run/hawser/hawser.sock';

/** What holds without a file: every https and http origin, with the defaults. */
export const defaultConfig: Config = Object.freeze({
  listen: Object.freeze({ socket: defaultSocketPath, mode: 0o660 }),
  egress: defaultEgressOptions,
  nat: defaultNatOptions,
  limits: Object.freeze({ sessions: defaultMaxSessions }),
  origins: new Origins([], defaultOriginOptions),
});
