// Makes strings of octets, one character each; most in header blocks are too short for a call into the runtime to pay.

const { fromCharCode } = String;

/** Strings up to this length are made without a call into the runtime. */
export const maxShortLength = 4;

/** The octets `from[start..end)` as a string of latin1. */
export function readOctets(from: Buffer, start: number, end: number): string {
  const a = from[start] as number;
  switch (end - start) {
    case 0:
      return '';
    case 1:
      return fromCharCode(a);
    case 2:
      return fromCharCode(a, from[start + 1] as number);
    case 3:
      return fromCharCode(a, from[start + 1] as number, from[start + 2] as number);
    case 4:
      return fromCharCode(a, from[start + 1] as number, from[start + 2] as number, from[start + 3] as number);
    default:
      return from.toString('latin1', start, end);
  }
}
