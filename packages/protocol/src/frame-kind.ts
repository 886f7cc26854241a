// The specification's table of frames: who sends each type, and how many elements it has at least.

import type { Peer } from './errors.ts';
import { FrameType } from './frame.ts';

export interface FrameKind {
  /** Name in the specification and in messages. */
  readonly name: string;
  readonly sender: Peer | 'both';
  /** Elements that must be there, type and exchange id included; more are skipped. */
  readonly minElements: number;
}

const kinds: Record<(typeof FrameType)[keyof typeof FrameType], FrameKind> = {
  [FrameType.hello]: { name: 'HELLO', sender: 'client', minElements: 4 },
  [FrameType.welcome]: { name: 'WELCOME', sender: 'broker', minElements: 4 },
  [FrameType.request]: { name: 'REQUEST', sender: 'client', minElements: 8 },
  [FrameType.response]: { name: 'RESPONSE', sender: 'broker', minElements: 7 },
  [FrameType.data]: { name: 'DATA', sender: 'both', minElements: 3 },
  [FrameType.end]: { name: 'END', sender: 'both', minElements: 3 },
  [FrameType.window]: { name: 'WINDOW', sender: 'both', minElements: 3 },
  [FrameType.cancel]: { name: 'CANCEL', sender: 'client', minElements: 2 },
  [FrameType.informational]: { name: 'INFORMATIONAL', sender: 'broker', minElements: 4 },
  [FrameType.error]: { name: 'ERROR', sender: 'broker', minElements: 8 },
  [FrameType.ping]: { name: 'PING', sender: 'both', minElements: 3 },
  [FrameType.pong]: { name: 'PONG', sender: 'both', minElements: 3 },
  [FrameType.goaway]: { name: 'GOAWAY', sender: 'broker', minElements: 4 },
};

/** By type number; a hole where version 1 has no such type. */
const kindsByNumber: readonly (FrameKind | undefined)[] = Object.assign([], kinds);

/** The row of a frame type, or nothing where version 1 has no such type. */
export function frameKind(type: number): FrameKind | undefined {
  return kindsByNumber[type];
}
