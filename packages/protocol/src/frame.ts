// The frames of wire version 1 as TypeScript sees them; docs/protocol/wire-protocol.md is their specification.

/** Frame types by number. Numbers are never reused; a receiver skips the ones it does not know. */
export const FrameType = {
  hello: 1,
  welcome: 2,
  request: 3,
  response: 4,
  data: 5,
  end: 6,
  window: 7,
  cancel: 8,
  informational: 9,
  error: 10,
  ping: 11,
  pong: 12,
  goaway: 13,
} as const;

/** Flag of REQUEST and RESPONSE: the exchange's body is whole, no DATA and no END follows. */
export const flagEnd = 0x1;

/**
 * Field lines in order, repeats kept: `[name, value, name, value, …]`. Names are lower case.
 * Each character is one octet (ISO 8859-1), so a value with any octet survives the trip (RFC 9110 section 5.5).
 */
export type Fields = readonly string[];

/** Opens, or resynchronises, a client connection: every older exchange of it is cancelled. Client → broker. */
export interface HelloFrame {
  type: typeof FrameType.hello;
  nonce: Buffer;
  version: number;
  /** Response body bytes the client takes per exchange before it sends WINDOW. Absent: `initialWindowBytes`. */
  windowBytes?: number;
  /** Name and version of the client, for logs. */
  agent?: string;
}

/** Answers HELLO with its nonce. Broker → client. */
export interface WelcomeFrame {
  type: typeof FrameType.welcome;
  nonce: Buffer;
  version: number;
  maxExchanges: number;
  maxFrameBytes: number;
  agent: string;
}

/** Starts an exchange. With `end` the body is whole; otherwise DATA and END follow. Client → broker. */
export interface RequestFrame {
  type: typeof FrameType.request;
  exchangeId: number;
  end: boolean;
  /** Time left for the whole exchange in milliseconds; 0: the broker's own total timeout applies. */
  timeoutMs: number;
  method: string;
  url: string;
  fields: Fields;
  body: Buffer | null;
}

/** What the broker knows about how an exchange went. Times are whole microseconds; -1 where there is none. */
export interface ExchangeFacts {
  /** `h2`, `http/1.1`, or empty where no session was reached. */
  protocol: string;
  /** `reused`, or the reason a new session was opened (`cold`, …); empty where none was reached. */
  session: string;
  attempts: number;
  /** Cache status (RFC 9211 words: `hit`, `fwd=miss`, …); empty where the cache was not asked. */
  cache: string;
  queueUs: number;
  connectUs: number;
  firstByteUs: number;
  totalUs: number;
  /** Address and port really connected to; empty where none. */
  remoteAddress: string;
}

/** The final response's head, with the whole body when `end`. Broker → client. */
export interface ResponseFrame {
  type: typeof FrameType.response;
  exchangeId: number;
  end: boolean;
  status: number;
  fields: Fields;
  body: Buffer | null;
  facts: ExchangeFacts;
}

/** Body bytes; counted against the receiver's window. Both ways. */
export interface DataFrame {
  type: typeof FrameType.data;
  exchangeId: number;
  payload: Buffer;
}

/** Ends a body that came in DATA, with its trailers. Both ways; facts from the broker only. */
export interface EndFrame {
  type: typeof FrameType.end;
  exchangeId: number;
  trailers: Fields;
  facts: ExchangeFacts | null;
}

/** Allows the other side this many more body bytes on the exchange. Both ways. */
export interface WindowFrame {
  type: typeof FrameType.window;
  exchangeId: number;
  increment: number;
}

/** The client no longer wants the exchange; the broker sends nothing more for it. Client → broker. */
export interface CancelFrame {
  type: typeof FrameType.cancel;
  exchangeId: number;
}

/** A 1xx response (RFC 9110 section 15.2). Broker → client. */
export interface InformationalFrame {
  type: typeof FrameType.informational;
  exchangeId: number;
  status: number;
  fields: Fields;
}

/** Ends an exchange, or with exchange id 0 the client connection, with an error. Broker → client. */
export interface ErrorFrame {
  type: typeof FrameType.error;
  exchangeId: number;
  /** Number and name from docs/protocol/error-codes.md. */
  code: number;
  name: string;
  message: string;
  /** `no`: the origin provably did not act on the request. */
  processed: 'no' | 'maybe';
  /** Where it arose: `client`, `broker`, `connect` or `origin`. */
  source: string;
  facts: ExchangeFacts | null;
}

/** Asks for a PONG with the same payload. Both ways. */
export interface PingFrame {
  type: typeof FrameType.ping;
  payload: Buffer;
}

/** Answers PING. Both ways. */
export interface PongFrame {
  type: typeof FrameType.pong;
  payload: Buffer;
}

/** The broker drains: exchanges above `lastExchangeId` were not and will not be processed. Broker → client. */
export interface GoawayFrame {
  type: typeof FrameType.goaway;
  lastExchangeId: number;
  reason: string;
}

export type ClientFrame =
  | HelloFrame
  | RequestFrame
  | DataFrame
  | EndFrame
  | WindowFrame
  | CancelFrame
  | PingFrame
  | PongFrame;

export type BrokerFrame =
  | WelcomeFrame
  | ResponseFrame
  | DataFrame
  | EndFrame
  | WindowFrame
  | InformationalFrame
  | ErrorFrame
  | PingFrame
  | PongFrame
  | GoawayFrame;

export type Frame = ClientFrame | BrokerFrame;
