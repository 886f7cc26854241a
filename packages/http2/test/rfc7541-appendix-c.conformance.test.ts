// RFC 7541 appendix C, whole: every example is decoded, with the dynamic table as it is said to be afterwards.

import { describe, expect, test } from 'vitest';
import { writeInteger, writeShortestString, writeString } from '../src/native/hpack/encode-primitives.ts';
import { HpackDecoder, HpackError } from '../src/native/hpack/index.ts';

interface Step {
  readonly hex: string;
  readonly fields: readonly string[];
  /** The dynamic table afterwards, newest entry first. */
  readonly table: readonly string[];
}

const date1 = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const date2 = ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const location = ['location', 'https://www.example.com'];
const isPrivate = ['cache-control', 'private'];
const cookie = ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'];
const authority = [':authority', 'www.example.com'];
const noCache = ['cache-control', 'no-cache'];
const custom = ['custom-key', 'custom-value'];
const get = (scheme: string, path: string) => [':method', 'GET', ':scheme', scheme, ':path', path];

const requests: readonly Omit<Step, 'hex'>[] = [
  { fields: [...get('http', '/'), ...authority], table: authority },
  { fields: [...get('http', '/'), ...authority, ...noCache], table: [...noCache, ...authority] },
  {
    fields: [...get('https', '/index.html'), ...authority, ...custom],
    table: [...custom, ...noCache, ...authority],
  },
];

const responses: readonly Omit<Step, 'hex'>[] = [
  {
    fields: [':status', '302', ...isPrivate, ...date1, ...location],
    table: [...location, ...date1, ...isPrivate, ':status', '302'],
  },
  {
    fields: [':status', '307', ...isPrivate, ...date1, ...location],
    table: [':status', '307', ...location, ...date1, ...isPrivate],
  },
  {
    fields: [':status', '200', ...isPrivate, ...date2, ...location, 'content-encoding', 'gzip', ...cookie],
    table: [...cookie, 'content-encoding', 'gzip', ...date2],
  },
];

const with256: readonly string[] = ['3fe101'];

/** Section: what comes before it in hex, its blocks. */
const sections: Readonly<Record<string, readonly [readonly string[], readonly Step[]]>> = {
  'C.2.1': [
    [],
    [
      {
        hex: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
        fields: ['custom-key', 'custom-header'],
        table: ['custom-key', 'custom-header'],
      },
    ],
  ],
  'C.2.2': [[], [{ hex: '040c 2f73 616d 706c 652f 7061 7468', fields: [':path', '/sample/path'], table: [] }]],
  'C.2.3': [[], [{ hex: '1008 7061 7373 776f 7264 0673 6563 7265 74', fields: ['password', 'secret'], table: [] }]],
  'C.2.4': [[], [{ hex: '82', fields: [':method', 'GET'], table: [] }]],
  'C.3': [
    [],
    steps(requests, [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]),
  ],
  'C.4': [
    [],
    steps(requests, [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]),
  ],
  'C.5': [
    with256,
    steps(responses, [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ]),
  ],
  'C.6': [
    with256,
    steps(responses, [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ]),
  ],
};

test.each(Object.entries(sections))('%s', (_name, [before, blocks]) => {
  const sent = [...before];
  for (const { hex, fields, table } of blocks) {
    sent.push(hex);
    expect(replay(sent).fields).toEqual(fields);
    expect(tableAfter(sent)).toEqual(table);
  }
});

describe('C.1, integers', () => {
  test.each([
    ['C.1.1', 10, 0x1f, [0x0a]],
    ['C.1.2', 1337, 0x1f, [0x1f, 0x9a, 0x0a]],
    ['C.1.3', 42, 0xff, [0x2a]],
  ])('%s: %i', (_name, value, mask, octets) => {
    const into = Buffer.alloc(8);
    expect(Array.from(into.subarray(0, writeInteger(into, 0, 0, mask, value)))).toEqual(octets);
  });

  test('are decoded where five bits are the prefix', () => {
    // 1337 octets hold an entry of 1,305 and 32, and no longer one.
    for (const [length, isKept] of [[1305 - 1, true], [1306 - 1, false]] as const) {
      const into = Buffer.alloc(2000);
      const end = writeString(into, writeString(into, 1, 'a'), 'b'.repeat(length));
      into[0] = 0x40;
      expect(tableAfter(['3f9a0a', into.toString('hex', 0, end)])).toHaveLength(isKept ? 2 : 0);
    }
    expect(tableAfter(['2a', '40016101 62'])).toEqual([]);
  }); // biome-ignore format: the lengths side by side
});

test.each([
  ['www.example.com', '8c f1e3 c2e5 f23a 6ba0 ab90 f4ff'],
  ['no-cache', '86 a8eb 1064 9cbf'],
  ['custom-key', '88 25a8 49e9 5ba9 7d7f'],
  ['custom-value', '89 25a8 49e9 5bb8 e8b4 bf'],
  ['302', '82 6402'],
  ['private', '85 aec3 771a 4b'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', '96 d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff'],
  ['https://www.example.com', '91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3'],
  ['307', '83 640e ff'],
  ['gzip', '83 9bd9 ab'],
])('the examples` string %s is coded so', (value, hex) => {
  const into = Buffer.alloc(64);
  const end = writeShortestString(into, 0, value);
  // Where Huffman coding saves nothing, the string is written as it is; the examples code every string.
  const expected = bytes(hex);
  if (expected.length <= value.length) expect(into.subarray(0, end)).toEqual(expected);
  else expect(into.subarray(0, end).toString('latin1', 1)).toBe(value);
});

function steps(outcomes: readonly Omit<Step, 'hex'>[], hex: readonly string[]): readonly Step[] {
  return outcomes.map((outcome, index) => ({ ...outcome, hex: hex[index] as string }));
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

function replay(blocks: readonly string[]) {
  const decoder = new HpackDecoder({ maxTableBytes: 4096, maxFieldLines: 100, maxFieldSectionBytes: 4096 });
  let fields: readonly string[] | null = null;
  for (const block of blocks) fields = decoder.decode(bytes(block));
  return { decoder, fields };
}

/** Every entry of the dynamic table, asked for by its index until there is none. */
function tableAfter(blocks: readonly string[]): readonly string[] {
  const entries: string[] = [];
  const { decoder } = replay(blocks);
  for (let index = 62; ; index++) {
    try {
      entries.push(...(decoder.decode(Buffer.from([0x80 | index])) ?? []));
    } catch (error) {
      expect(error).toBeInstanceOf(HpackError);
      return entries;
    }
  }
}
