// msgpack's own headers, for the frames that are written by hand: each in its shortest form.

/** Writes an integer from 0 to 2^32-1 and returns the place behind it. */
export function writeUint(bytes: Buffer, value: number, at: number): number {
  if (value < 0x80) {
    bytes[at] = value;
    return at + 1;
  }
  if (value < 0x100) {
    bytes[at] = 0xcc;
    bytes[at + 1] = value;
    return at + 2;
  }
  if (value < 0x10000) {
    bytes[at] = 0xcd;
    return bytes.writeUInt16BE(value, at + 1);
  }
  bytes[at] = 0xce;
  return bytes.writeUInt32BE(value, at + 1);
}

/** Writes what stands before the octets of a `bin`, and returns the place behind it. */
export function writeBinHeader(bytes: Buffer, length: number, at: number): number {
  if (length < 0x100) {
    bytes[at] = 0xc4;
    bytes[at + 1] = length;
    return at + 2;
  }
  if (length < 0x10000) {
    bytes[at] = 0xc5;
    return bytes.writeUInt16BE(length, at + 1);
  }
  bytes[at] = 0xc6;
  return bytes.writeUInt32BE(length, at + 1);
}
