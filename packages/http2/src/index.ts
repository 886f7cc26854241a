// HTTP/2 client sessions behind one contract.

export type {
  ExchangeHandle,
  ExchangeSink,
  Fields,
  RequestBody,
  RequestHead,
  Session,
  SessionErrorCode,
  SessionEvents,
  SessionState,
} from './session.ts';
export { SessionError } from './session.ts';
import type { Socket } from 'node:net';
import type { Session, SessionEvents } from './session.ts';
export function connectHttp2(_s: Socket, _o: { engine: 'node'; events: SessionEvents }): Promise<Session> { throw new Error('not yet'); }
