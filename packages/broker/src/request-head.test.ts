import { describe, expect, test } from 'vitest';
import { BrokerError } from './errors.ts';
import { prepareRequest } from './request-head.ts';

const url = 'https://api.example.com/v1?a=1';

test('a request comes apart into origin and head', () => {
  expect(prepareRequest('GET', 'https://API.example.com:8443/v1?a=1#x', ['accept', '*/*'], 0)).toEqual({
    origin: { scheme: 'https', host: 'api.example.com', port: 8443 },
    head: {
      method: 'GET',
      scheme: 'https',
      authority: 'api.example.com:8443',
      path: '/v1?a=1',
      fields: ['accept', '*/*'],
    },
    contentLength: null,
  });
});

describe('methods', () => {
  test.each(['GET', 'get', 'POST', 'PROPFIND', 'M-SEARCH', "!#$%&'*+-.^_`|~09azAZ"])(
    '%s is a token, case kept',
    (method) => {
      expect(prepareRequest(method, url, [], 0).head.method).toBe(method);
    },
  );

  test.each(['', ' ', 'GET ', 'G T', 'GET\r\n', 'GET\0', 'GE:T', 'GET/', 'G\u00c9T', '"GET"', 'GET HTTP/1.1\r\nx:'])(
    '%j is not',
    (method) => {
      expect(refusal(method, url, []).message).toBe("the method is not a token of letters, digits and !#$%&'*+-.^_`|~");
    },
  );

  test('CONNECT is not for the broker', () => {
    expect(refusal('CONNECT', url, [])).toMatchObject({
      code: 'request_unsupported',
      source: 'client',
      processed: 'no',
    });
  });
});

describe('names and values of fields', () => {
  test.each([
    ['x-empty', ''],
    ['x-tab', 'a\tb'],
    ['x-octets', '\x80\xff'],
    ["!#$%&'*+-.^_`|~09", 'x'],
    ['x-long', 'v'.repeat(100_000)],
  ])('%j: %j goes on as it is', (name, value) => {
    expect(prepareRequest('GET', url, [name, value], 0).head.fields).toEqual([name, value]);
  });

  test('order and repeats are kept', () => {
    const fields = ['b', '1', 'a', '2', 'b', '3', 'cookie', 'x', 'cookie', 'y'];
    expect(prepareRequest('GET', url, fields, 0).head.fields).toEqual(fields);
  });

  test.each([
    ['  a b \t', 'a b'],
    [' \t ', ''],
    // The last octet of a letter in UTF-8: a space for JavaScript, not for HTTP.
    ['caf\xc3\xa0', 'caf\xc3\xa0'],
    ['\xa0x\xa0', '\xa0x\xa0'],
  ])('white space around a value goes: %j', (value, expected) => {
    expect(prepareRequest('GET', url, ['x-a', value], 0).head.fields).toEqual(['x-a', expected]);
  });

  test('white space inside a long value costs no time', () => {
    const value = `a${' '.repeat(190_000)}b`;
    const startedAt = performance.now();
    expect(prepareRequest('GET', url, ['x-a', value], 0).head.fields[1]).toBe(value);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  test.each(['', ' ', 'X-Upper', 'x y', 'x:', ':path', 'x\r\ny', 'x\0', 'caf\u00e9', 'x(', 'x/y'])(
    'the name %j is refused',
    (name) => {
      const error = refusal('GET', url, ['a', '1', name, '2']);
      expect(error).toMatchObject({ code: 'request_invalid', source: 'client', processed: 'no' });
      expect(error.message).toBe('field name number 2 is not a lower-case token');
    },
  );

  test.each(['a\rb', 'a\nb', 'a\r\nx-b: c', '\0', 'a\x0bb', 'a\x1bb', 'a\x7f', '\n', 'a\r\n'])(
    'the value %j is refused',
    (value) => {
      for (const name of ['x-secret', 'host', 'connection', 'te', 'content-length', 'transfer-encoding']) {
        const error = refusal('GET', url, [name, value]);
        expect(error.message).toBe(`the value of field '${name}' holds CR, LF, NUL or another control`);
      }
    },
  );

  test('a message never repeats a value', () => {
    for (const fields of [
      ['x-a', 'secret\n'],
      ['content-length', 'secret'],
    ]) {
      expect(refusal('GET', url, fields).message).not.toContain('secret');
    }
  });

  test('a section at the bound goes on, one octet more does not', () => {
    const bytes = 192 * 1024;
    expect(prepareRequest('GET', url, ['x', 'v'.repeat(bytes - 1)], 0).head.fields).toHaveLength(2);
    const error = refusal('GET', url, ['x', 'v'.repeat(bytes)]);
    expect(error).toMatchObject({ code: 'request_too_large', processed: 'no' });
    expect(error.message).toBe(`fields of ${bytes + 1} bytes; allowed are ${bytes}`);
  });
});

describe('what is about the local leg stays here', () => {
  test.each([
    ['host', 'evil.example'],
    ['keep-alive', 'timeout=5'],
    ['proxy-connection', 'keep-alive'],
    ['transfer-encoding', 'chunked'],
    ['upgrade', 'websocket'],
    ['http2-settings', 'AAMAAABkAAQAAP__'],
    ['connection', 'keep-alive'],
    ['connection', 'close'],
    ['te', 'gzip'],
    ['te', 'xtrailers'],
  ])('%s: %s', (name, value) => {
    expect(prepareRequest('GET', url, ['a', '1', name, value, 'b', '2'], 0).head.fields).toEqual(['a', '1', 'b', '2']);
  });

  test.each(['trailers', 'Trailers', 'gzip, trailers', 'trailers;q=1, gzip', 'gzip;q=0.5 , trailers'])(
    'te: %s leaves trailers, the only value HTTP/2 allows',
    (value) => {
      expect(prepareRequest('GET', url, ['te', value], 0).head.fields).toEqual(['te', 'trailers']);
    },
  );

  test.each([
    [['connection', 'x-hop', 'x-hop', '1', 'x-end', '2']],
    [['x-hop', '1', 'x-end', '2', 'connection', 'close, X-HOP']],
    [['x-hop', '1', 'connection', 'close', 'x-end', '2', 'connection', ' x-other ,x-hop', 'x-other', '3']],
  ])('%j: a field that connection names', (fields) => {
    expect(prepareRequest('GET', url, fields, 0).head.fields).toEqual(['x-end', '2']);
  });
});

describe('content-length', () => {
  test.each<[string, string[], number | null, string[], number | null]>([
    // method, fields, body bytes (null: streamed), fields that go on, declared length
    ['GET', [], 0, [], null],
    ['HEAD', [], 0, [], null],
    ['DELETE', [], 0, [], null],
    ['POST', [], 0, ['content-length', '0'], null],
    ['PUT', [], 0, ['content-length', '0'], null],
    ['PATCH', [], 0, ['content-length', '0'], null],
    ['GET', [], 3, ['content-length', '3'], null],
    ['POST', [], 3, ['content-length', '3'], null],
    ['POST', [], null, [], null],
    ['POST', ['content-length', '3'], 3, ['content-length', '3'], 3],
    ['POST', ['content-length', '3'], null, ['content-length', '3'], 3],
    ['GET', ['content-length', '0'], 0, ['content-length', '0'], 0],
  ])('%s with %j and a body of %s bytes', (method, fields, bodyBytes, expected, contentLength) => {
    const prepared = prepareRequest(method, url, fields, bodyBytes);
    expect(prepared.head.fields).toEqual(expected);
    expect(prepared.contentLength).toBe(contentLength);
  });

  test.each<[string, string[], number | null, string]>([
    ['longer than the body', ['content-length', '4'], 3, "'content-length' is 4, the body has 3 bytes"],
    ['shorter than the body', ['content-length', '2'], 3, "'content-length' is 2, the body has 3 bytes"],
    ['without a body', ['content-length', '2'], 0, "'content-length' is 2, the body has 0 bytes"],
    ['twice', ['content-length', '3', 'content-length', '3'], 3, "'content-length' comes more than once"],
    ['a list', ['content-length', '3, 3'], 3, "'content-length' is not a number of bytes"],
    ['negative', ['content-length', '-1'], null, "'content-length' is not a number of bytes"],
    ['signed', ['content-length', '+3'], 3, "'content-length' is not a number of bytes"],
    ['hexadecimal', ['content-length', '0x3'], 3, "'content-length' is not a number of bytes"],
    ['empty', ['content-length', ''], 0, "'content-length' is not a number of bytes"],
    [
      'beyond what a number holds',
      ['content-length', '9'.repeat(16)],
      null,
      "'content-length' is not a number of bytes",
    ],
  ])('%s is refused', (_name, fields, bodyBytes, message) => {
    expect(refusal('POST', url, fields, bodyBytes)).toMatchObject({
      code: 'request_invalid',
      processed: 'no',
      message,
    });
  });

  test('cannot be taken back by connection', () => {
    const fields = ['content-length', '3', 'connection', 'content-length'];
    expect(prepareRequest('POST', url, fields, 3).head.fields).toEqual(['content-length', '3']);
  });
});

function refusal(method: string, target: string, fields: string[], bodyBytes: number | null = 0): BrokerError {
  try {
    prepareRequest(method, target, fields, bodyBytes);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    return error as BrokerError;
  }
  throw new Error('it was taken');
}
