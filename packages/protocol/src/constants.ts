// The numbers of wire version 1, each with the reason for its size.

export const wireVersion = 1;

/** Bytes of the length prefix: an unsigned 32-bit big-endian integer. */
export const lengthPrefixBytes = 4;

/** Longest frame either side may send, without its length prefix: a full inline body or DATA payload beside a full field section. */
export const maxFrameBytes = 512 * 1024;

/** Longest DATA payload: large enough that the per-frame cost vanishes, small enough that exchanges on one socket take turns. */
export const maxDataBytes = 64 * 1024;

/** Body bytes of one exchange that may travel before the first WINDOW, in each direction; what a REQUEST or RESPONSE carries inline counts. */
export const initialWindowBytes = 256 * 1024;

/** A window never grows past this (the same bound as RFC 9113 section 6.9.1). */
export const maxWindowBytes = 2 ** 31 - 1;

/** Largest exchange id. Ids start at 1 after each HELLO and only grow. */
export const maxExchangeId = 2 ** 32 - 1;

/** Bytes of the nonce in HELLO and WELCOME: long enough that no body ever holds it by chance. */
export const nonceBytes = 16;

/** Bytes of the opaque payload of PING and PONG. */
export const pingBytes = 8;

/** Exchanges that one client connection may have open at once. */
export const maxExchangesPerConnection = 256;

/** Field lines in one field section; two list elements each. */
export const maxFieldLines = 1000;

/** Bytes of all names and values in one field section. */
export const maxFieldSectionBytes = 192 * 1024;

/** Elements of one array, or keys and values of one map: a whole field section. */
export const maxContainerElements = 2 * maxFieldLines;

/** Values in one frame, counting keys and the containers themselves: two field sections and some room to grow. */
export const maxFrameValues = 4096;

/** Arrays and maps inside each other, the frame's own array included: one more than version 1 uses. */
export const maxFrameDepth = 3;
