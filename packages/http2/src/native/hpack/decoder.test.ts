import { describe, expect, test } from 'vitest';
import { HpackDecoder } from './decoder.ts';
import { writeInteger, writeShortestString, writeString } from './encode-primitives.ts';
import { HpackError } from './hpack-error.ts';

const options = { maxTableBytes: 4096, maxFieldLines: 100, maxFieldSectionBytes: 16 * 1024 };

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

const newDecoder = (changes: Partial<typeof options> = {}) => new HpackDecoder({ ...options, ...changes });

/** A literal with a literal name: `first` is 0x40 with indexing, 0x00 without. */
function literal(first: number, name: string, value: string, write = writeString): Buffer {
  const into = Buffer.alloc(name.length + value.length + 11);
  into[0] = first;
  return into.subarray(0, write(into, write(into, 1, name), value));
}

function sizeUpdate(bytes: number): Buffer {
  const into = Buffer.alloc(6);
  return into.subarray(0, writeInteger(into, 0, 0x20, 0x1f, bytes));
}

const indexed = (index: number) => Buffer.from([0x80 | index]);

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['index 0', '80', /index 0 /],
  ['an index behind the dynamic table', 'be', /index 62 .* tables end at 61/],
  ['a name behind the dynamic table', '7e 01 61', /index 62 /],
  ['an index of many octets', 'ff ff 03', /index 638 /],
  ['an integer above 2^28', 'ff ff ff ff ff 7f', /above 268435456/],
  ['an integer that overflows 32 bits', 'ff ff ff ff ff ff ff ff ff 7f', /above 268435456/],
  ['an integer of zeros without end', 'ff 80 80 80 80 80 80 80 80 00', /too long/],
  ['an integer without its end', 'ff 80', /ends inside an integer/],
  ['a literal without a name', '40', /ends before a string/],
  ['a literal without a value', '40 01 61', /ends before a string/],
  ['a name longer than the block', '40 05 61', /string of 5 octets at octet 2 /],
  ['a value longer than the block', '00 01 61 7f ff ff ff 7e 61', /longer than the block/],
  ['EOS in a string', '00 01 61 84 ff ff ff ff', /EOS/],
  ['EOS at the end of a string', '00 01 61 85 1f ff ff ff ff', /EOS|padding/],
  ['padding of a whole octet', '00 01 61 82 1f ff', /11 bits that are no padding/],
  ['padding of a string of nothing else', '00 01 61 81 ff', /8 bits that are no padding/],
  ['padding with a zero in it', '00 01 61 81 1e', /no padding/],
  ['padding of zeros', '00 01 61 81 18', /no padding/],
  ['half a code at the end', '00 01 61 82 ff c0', /padding/],
  ['a size update behind a field line', '82 20', /size update at octet 1 /],
  ['a size update between field lines', '82 20 82', /size update at octet 1 /],
  ['three size updates', '20 21 22', /size update at octet 2 /],
  ['a size update above the bound', '3f e2 1f', /size update to 4097; allowed are 4096/],
];

test.each(refused)('refuses %s', (_name, block, message) => {
  const error = thrownBy(() => newDecoder().decode(hex(block)));
  expect(error).toBeInstanceOf(HpackError);
  expect((error as Error).message).toMatch(message);
  // Beyond the limits, too: nobody may hide a broken block behind a large one.
  expect(thrownBy(() => newDecoder({ maxFieldLines: 0, maxFieldSectionBytes: 0 }).decode(hex(block)))).toBeInstanceOf(
    HpackError,
  );
});

test('takes what looks wrong and is not', () => {
  const decoder = newDecoder();
  expect(decoder.decode(hex(''))).toEqual([]);
  expect(decoder.decode(hex('20 3f e1 1f'))).toEqual([]);
  expect(decoder.decode(hex('20 3f e1 1f 82'))).toEqual([':method', 'GET']);
  expect(decoder.decode(hex('00 00 00'))).toEqual(['', '']);
  expect(decoder.decode(hex('00 80 80'))).toEqual(['', '']);
  expect(decoder.decode(hex('00 01 61 81 1f'))).toEqual(['a', 'a']);
  // An integer may have zeros above (RFC 7541 section 5.1).
  expect(decoder.decode(hex('00 01 61 7f 81 80 80 00'.concat(' 62'.repeat(128))))).toEqual(['a', 'b'.repeat(128)]);
});

test('refuses a table smaller than the one that the origin starts with', () => {
  expect(() => newDecoder({ maxTableBytes: 4095 })).toThrow('maxTableBytes is 4095; allowed: 4096 and more');
});

test('every octet is decoded, Huffman-coded or not', () => {
  for (let octet = 0; octet < 256; octet++) {
    for (const count of [1, 3, 5, 30]) {
      const value = String.fromCharCode(octet).repeat(count);
      const decoder = newDecoder();
      expect(decoder.decode(literal(0, 'a', value))).toEqual(['a', value]);
      expect(decoder.decode(literal(0, 'a', value, writeShortestString))).toEqual(['a', value]);
    }
  }
});

test('a block that ends too early is refused or is a shorter one', () => {
  const block = Buffer.concat([sizeUpdate(100), literal(0x40, 'name', 'value'), literal(0, 'a', '302 www', writeShortestString), indexed(62)]);
  const whole = newDecoder().decode(block) ?? [];
  let refusals = 0;
  for (let end = 0; end < block.length; end++) {
    const decoder = newDecoder();
    try {
      const fields = decoder.decode(block.subarray(0, end)) ?? [];
      expect(whole.slice(0, fields.length)).toEqual(fields);
      expect(fields.length).toBeLessThan(whole.length);
    } catch (error) {
      expect(error).toBeInstanceOf(HpackError);
      refusals++;
    }
  }
  expect(refusals).toBeGreaterThan(block.length / 2);
}); // biome-ignore format: the block in one line

describe('the dynamic table', () => {
  test('evicts the oldest first, and as many as it takes', () => {
    const decoder = newDecoder();
    // Three entries of 40 octets fill 120.
    decoder.decode(Buffer.concat([sizeUpdate(120), ...['1', '2', '3'].map((n) => literal(0x40, 'name', `val${n}`))]));
    expect(decoder.decode(Buffer.concat([indexed(62), indexed(64)]))).toEqual(['name', 'val3', 'name', 'val1']);
    decoder.decode(literal(0x40, 'name', 'val4'));
    expect(decoder.decode(indexed(64))).toEqual(['name', 'val2']);
    decoder.decode(literal(0x40, 'name', 'x'.repeat(50)));
    expect(decoder.decode(Buffer.concat([indexed(62)]))).toEqual(['name', 'x'.repeat(50)]);
    expect(() => decoder.decode(indexed(63))).toThrow(HpackError);
  });

  test('is emptied by an entry that is larger than it', () => {
    const decoder = newDecoder();
    decoder.decode(literal(0x40, 'a', '1'));
    expect(decoder.decode(literal(0x40, 'a', 'x'.repeat(4064)))).toHaveLength(2);
    expect(() => decoder.decode(indexed(62))).toThrow(HpackError);
  });

  test('takes the name of an entry that its own insertion evicts', () => {
    const decoder = newDecoder();
    decoder.decode(Buffer.concat([sizeUpdate(64), literal(0x40, 'name', 'a')]));
    expect(decoder.decode(hex('7e 02 62 62'))).toEqual(['name', 'bb']);
    expect(decoder.decode(indexed(62))).toEqual(['name', 'bb']);
  });

  test('holds as many entries as fit, through many rounds', () => {
    const decoder = newDecoder();
    for (let round = 0; round < 1000; round++) decoder.decode(literal(0x40, '', `${round}`));
    const held = Math.floor(4096 / (32 + 3));
    expect(decoder.decode(Buffer.from([0xff, 61 + held - 127]))).toEqual(['', `${1000 - held}`]);
    expect(() => decoder.decode(Buffer.from([0xff, 61 + held + 1 - 127]))).toThrow(HpackError);
  });

  test('shrinks at once, to nothing where told', () => {
    const decoder = newDecoder();
    decoder.decode(literal(0x40, 'a', '1'));
    decoder.decode(Buffer.concat([sizeUpdate(0), sizeUpdate(4096)]));
    expect(() => decoder.decode(indexed(62))).toThrow(HpackError);
  });
});

describe('the limits', () => {
  const pair = (name: string, value: string) => literal(0, name, value);

  test('a block at them is taken, one beyond is not', () => {
    const decoder = newDecoder({ maxFieldLines: 3, maxFieldSectionBytes: 12 });
    const lines = [pair('ab', '12'), pair('cd', '34'), pair('ef', '56')];
    expect(decoder.decode(Buffer.concat(lines))).toHaveLength(6);
    expect(decoder.decode(Buffer.concat([...lines, pair('', '')]))).toBeNull();
    expect(decoder.decode(Buffer.concat([...lines.slice(0, 2), pair('ef', '567')]))).toBeNull();
    expect(decoder.decode(pair('a', 'x'.repeat(11)))).toHaveLength(2);
    expect(decoder.decode(pair('a', 'x'.repeat(12)))).toBeNull();
    expect(decoder.decode(literal(0, 'a', 'e'.repeat(11), writeShortestString))).toHaveLength(2);
    expect(decoder.decode(literal(0, 'a', 'e'.repeat(12), writeShortestString))).toBeNull();
    expect(decoder.decode(Buffer.concat(lines))).toHaveLength(6);
  });

  test('leave pseudo-fields out, but not without end', () => {
    const decoder = newDecoder({ maxFieldLines: 1, maxFieldSectionBytes: 2 });
    const statuses = (count: number) => Buffer.concat(Array.from({ length: count }, () => indexed(8)));
    expect(decoder.decode(Buffer.concat([indexed(8), pair('a', '1')]))).toEqual([':status', '200', 'a', '1']);
    expect(decoder.decode(Buffer.concat([indexed(8), pair('a', '1'), pair('', '')]))).toBeNull();
    expect(decoder.decode(statuses(8))).toHaveLength(16);
    expect(decoder.decode(statuses(9))).toBeNull();
    expect(decoder.decode(pair(':status', '2'.repeat(1024 - 7)))).toHaveLength(2);
    expect(decoder.decode(pair(':status', '2'.repeat(1024 - 6)))).toBeNull();
  });

  test('leave the table right in a block that is beyond them', () => {
    const decoder = newDecoder({ maxFieldLines: 1 });
    const block = [pair('a', '1'), pair('b', '2'), literal(0x40, 'kept', 'yes'), literal(0x40, 'also', 'kept', writeShortestString)];
    expect(decoder.decode(Buffer.concat(block))).toBeNull();
    expect(decoder.decode(indexed(63))).toEqual(['kept', 'yes']);
    expect(decoder.decode(indexed(62))).toEqual(['also', 'kept']);
    // Too large for the limits and for the table, by its name alone: it empties the table, and its value is not kept either.
    expect(decoder.decode(Buffer.concat([...block, literal(0x40, 'n'.repeat(5000), 'v')]))).toBeNull();
    expect(() => decoder.decode(indexed(62))).toThrow(HpackError);
  }); // biome-ignore format: the block in one line

  test('bound what a block of references to one large entry makes', () => {
    const decoder = newDecoder();
    decoder.decode(literal(0x40, 'a', 'x'.repeat(4000)));
    expect(decoder.decode(Buffer.alloc(4, 0xbe))).toHaveLength(8);
    expect(decoder.decode(Buffer.alloc(5, 0xbe))).toBeNull();
    expect(decoder.decode(Buffer.alloc(1_000_000, 0xbe))).toBeNull();
    expect(decoder.decode(indexed(62))).toEqual(['a', 'x'.repeat(4000)]);
  });
});

test('literals that come again are told apart by every octet, their coding and their length', () => {
  const decoder = newDecoder();
  const values = ['aaaaaaaa', 'aaaabaaa', 'aaaaaaaaa', 'abaaaaaa', 'aaaaaaab', '%%%%%%%%'];
  for (let round = 0; round < 4; round++) {
    for (const value of values) {
      expect(decoder.decode(literal(0, 'name-long', value))).toEqual(['name-long', value]);
      expect(decoder.decode(literal(0, 'name-long', value, writeShortestString))).toEqual(['name-long', value]);
    }
  }
  // The octets of a Huffman-coded string, as a string.
  const coded = literal(0, 'a', 'www.example.com', writeShortestString).subarray(4).toString('latin1');
  expect(decoder.decode(literal(0, 'a', 'www.example.com', writeShortestString))).toEqual(['a', 'www.example.com']);
  expect(decoder.decode(literal(0, 'a', coded))).toEqual(['a', coded]);
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return null;
  } catch (error) {
    return error;
  }
}
