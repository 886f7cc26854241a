// The implementations of the session contract, by name.

/** `node` wraps `node:http2`. */
export type Engine = 'node';

export const engines: readonly Engine[] = ['node'];
