import { describe, expect, it } from 'vitest';
import { maxContainerElements, maxFrameValues } from './constants.ts';
import { describeFault, scanShape, shapeAscii, shapeText } from './shape.ts';

describe('scanShape', () => {
  it.each([
    ['every small value', '9f c0 c2 c3 00 7f e0 ff a0 a161 80 90 c400 cc80 cd0100 d0df'],
    ['wide integers', '96 ce00010000 cf0000000100000000 d1ff00 d2ffff0000 d3ffffffff00000000 00'],
    ['every width of str and bin', '96 d90161 da000161 db0000000161 c40161 c5000161 c60000000161'],
    ['every width of array and map', '95 9101 dc000101 dd0000000101 de0001a16101 df00000001a16101'],
    ['three levels', '91 91 91 01'],
  ])('accepts %s', (_, hex) => {
    expect(scan(hex)).toBe(shapeAscii);
  });

  it('says whether a str holds more than ASCII', () => {
    expect(scan('91 a2c3a9')).toBe(shapeText);
    expect(scan('92 a2c3a9 a161')).toBe(shapeText);
    expect(scan('91 a17f')).toBe(shapeAscii);
    expect(scan('91 c402c3a9')).toBe(shapeAscii);
  });

  it('looks at its range only', () => {
    const bytes = Buffer.from('c1 91 01 c1'.replaceAll(' ', ''), 'hex');
    expect(scanShape(bytes, 1, 3)).toBe(shapeAscii);
    expect(describeFault(scanShape(bytes, 1, 4))).toMatch(/bytes after its array/);
    expect(describeFault(scanShape(bytes, 1, 2))).toMatch(/ends inside its array/);
  });

  it.each([
    ['a float', '91 ca00000000', /a float/],
    ['an extension', '91 d40000', /extension/],
    ['the unused byte', '91 c1', /c1/],
    ['no bytes', '', /ends inside/],
    ['four levels', '91 91 91 90', /deeper than 3/],
    ['an over-long UTF-8 sequence', '91 a2c080', /not UTF-8/],
    ['a map that lacks a value', '81 a161', /ends inside/],
  ])('refuses %s', (_, hex, fault) => {
    expect(describeFault(scan(hex))).toMatch(fault);
  });

  it('bounds the elements of one array or map', () => {
    expect(scanShape(nils(maxContainerElements), 0, maxContainerElements + 3)).toBe(shapeAscii);
    const fault = scanShape(nils(maxContainerElements + 1), 0, maxContainerElements + 4);
    expect(describeFault(fault)).toMatch(/more than 2000 elements/);
  });

  it('bounds the values of one frame', () => {
    const rest = maxFrameValues - 2 * (maxContainerElements + 1) - 2;
    const fits = Buffer.concat([
      Buffer.from([0x93]),
      nils(maxContainerElements),
      nils(maxContainerElements),
      nils(rest),
    ]);
    expect(scanShape(fits, 0, fits.length)).toBe(shapeAscii);
    const over = Buffer.concat([Buffer.from([0x94]), fits.subarray(1), Buffer.from([0xc0])]);
    expect(describeFault(scanShape(over, 0, over.length))).toMatch(/more than 4096 values/);
  });
});

function scan(hex: string): number {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return scanShape(bytes, 0, bytes.length);
}

/** An array 16 of that many nils. */
function nils(count: number): Buffer {
  return Buffer.concat([Buffer.from([0xdc, count >> 8, count & 0xff]), Buffer.alloc(count, 0xc0)]);
}
