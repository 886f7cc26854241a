import { describe, expect, test } from 'vitest';
import { UpstreamError } from './errors.ts';
import { formatOrigin, parseTarget } from './origin.ts';

describe('URLs that are taken', () => {
  test.each([
    // url, origin, authority, path
    ['https://api.example.com', 'https://api.example.com', 'api.example.com', '/'],
    ['https://api.example.com/', 'https://api.example.com', 'api.example.com', '/'],
    ['HTTPS://API.Example.COM/A', 'https://api.example.com', 'api.example.com', '/A'],
    ['http://api.example.com', 'http://api.example.com', 'api.example.com', '/'],
    ['https://api.example.com:443/', 'https://api.example.com', 'api.example.com', '/'],
    ['http://api.example.com:80/', 'http://api.example.com', 'api.example.com', '/'],
    ['https://api.example.com:80/', 'https://api.example.com:80', 'api.example.com:80', '/'],
    ['https://api.example.com:/', 'https://api.example.com', 'api.example.com', '/'],
    ['https://api.example.com:08443/', 'https://api.example.com:8443', 'api.example.com:8443', '/'],
    ['https://api.example.com:65535/', 'https://api.example.com:65535', 'api.example.com:65535', '/'],
    ['https://api.example.com?a=1', 'https://api.example.com', 'api.example.com', '/?a=1'],
    ['https://api.example.com#top', 'https://api.example.com', 'api.example.com', '/'],
    ['https://api.example.com/a#b?c', 'https://api.example.com', 'api.example.com', '/a'],
    ['https://api.example.com/?a=1#b', 'https://api.example.com', 'api.example.com', '/?a=1'],
    ['https://api.example.com./', 'https://api.example.com.', 'api.example.com.', '/'],
    ['https://my_host-1.internal/', 'https://my_host-1.internal', 'my_host-1.internal', '/'],
    ['https://localhost:8443/', 'https://localhost:8443', 'localhost:8443', '/'],
    ['https://1password.com/', 'https://1password.com', '1password.com', '/'],
    ['https://192.0.2.7/', 'https://192.0.2.7', '192.0.2.7', '/'],
    ['https://[2001:DB8::1]/', 'https://[2001:db8::1]', '[2001:db8::1]', '/'],
    ['https://[::1]:8443/a', 'https://[::1]:8443', '[::1]:8443', '/a'],
    // Signatures cover path and query: nothing of them is normalised.
    ['https://h/a/../b//c/./%2e%2E/%7eX', 'https://h', 'h', '/a/../b//c/./%2e%2E/%7eX'],
    ['https://h/?q=%0d%0A&a[]=1&x=a@b:c;d,e', 'https://h', 'h', '/?q=%0d%0A&a[]=1&x=a@b:c;d,e'],
    ['https://h/a?b?c/../d', 'https://h', 'h', '/a?b?c/../d'],
    ['https://h//x@y', 'https://h', 'h', '//x@y'],
  ])('%s', (url, origin, authority, path) => {
    const target = parseTarget(url);
    expect(formatOrigin(target.origin)).toBe(origin);
    expect(target.authority).toBe(authority);
    expect(target.path).toBe(path);
  });

  test('an IPv6 host has no brackets, as sockets want it', () => {
    expect(parseTarget('https://[::1]/').origin).toEqual({ scheme: 'https', host: '::1', port: 443 });
  });
});

describe('URLs that are refused', () => {
  test.each([
    ['', 'not absolute'],
    ['/v1/me', 'not absolute'],
    ['api.example.com/v1', 'not absolute'],
    ['api.example.com:443', 'not absolute'],
    ['//api.example.com/', 'not absolute'],
    ['https:/api.example.com/', 'not absolute'],
    ['https:api.example.com', 'not absolute'],
    ['https', 'not absolute'],
    ['ftp://api.example.com/', "scheme 'ftp' is not https or http"],
    ['httpss://api.example.com/', "scheme 'httpss' is not https or http"],
    ['unix://run/x.sock', "scheme 'unix'"],
    ['https://', 'no host'],
    ['https:///v1', 'no host'],
    ['https://:443/', 'no host'],
    ['https://?a=1', 'no host'],
    ['https://user:password@api.example.com/', 'userinfo'],
    ['https://@api.example.com/', 'userinfo'],
    ['https://api.example.com:0/', "port '0' is not from 1 to 65535"],
    ['https://api.example.com:65536/', "port '65536'"],
    [`https://api.example.com:${'9'.repeat(400)}/`, "port '9999"],
    ['https://api.example.com:8443x/', 'not host or host:port'],
    ['https://api.example.com:-1/', 'not host or host:port'],
    ['https://a:b:c/', 'not host or host:port'],
    ['https://::1/', 'not host or host:port'],
    ['https://[::1/', 'not host or host:port'],
    ['https://[::1]x/', 'not host or host:port'],
    ['https://[]/', 'no host'],
    ['https://[127.0.0.1]/', 'not a valid host'],
    ['https://[::1%25eth0]/', 'not a valid host'],
    ['https://[v1.fe]/', 'not a valid host'],
    ['https://-a.example.com/', 'not a valid host'],
    ['https://a..example.com/', 'not a valid host'],
    ['https://.example.com/', 'not a valid host'],
    ['https://./', 'not a valid host'],
    ['https://*.example.com/', 'not a valid host'],
    ['https://a%2eb/', 'not a valid host'],
    [`https://${'a'.repeat(64)}.example.com/`, 'not a valid host'],
    [`https://${'a.'.repeat(127)}com/`, 'not a valid host'],
    // Older notations of addresses, which a resolver would turn into 127.0.0.1.
    ['https://127.1/', 'not a valid host'],
    ['https://2130706433/', 'not a valid host'],
    ['https://0x7f.0.0.1/', 'not a valid host'],
    ['https://0x7f000001/', 'not a valid host'],
    ['https://127.0.0.1./', 'not a valid host'],
    ['https://256.1.1.1/', 'not a valid host'],
    ['https://api.example.com/a b', '0x20 at position 25'],
    [' https://api.example.com/', '0x20 at position 0'],
    ['https://api.example.com/\r\nx: y', '0x0d at position 24'],
    ['https://api.example.com/?a\n', '0x0a'],
    ['https://api.example.com/\0', '0x00'],
    ['https://api.example.com/\x7f', '0x7f'],
    ['https://api.example.com/\u00fc', '0xfc'],
    ['https://b\u00fccher.example/', '0xfc'],
    ['https://api.example.com/\u20ac', '0x20ac'],
    ['https://api.example.com\\@evil.example/', '0x5c'],
    ['https://api.example.com/<script>', '0x3c'],
    ['https://api.example.com/{id}', '0x7b'],
    ['https://api.example.com/a|b', '0x7c'],
  ])('%s', (url, message) => {
    const error = refusal(url);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code: 'request_invalid', source: 'client', processed: 'no' });
  });

  test.each([
    'api.example.com/?token=secret',
    'ftp://api.example.com/?token=secret',
    'https://api.example.com:99999/?token=secret',
    'https://-bad-/?token=secret',
    'https://api.example.com/?token=secret\n',
    'user:secret@api.example.com/',
    'https://user:secret@api.example.com/',
    'mailto:secret@api.example.com',
  ])('the message about %j keeps the secret', (url) => {
    expect(refusal(url).message).not.toContain('secret');
  });

  test('a message does not grow with the URL', () => {
    const long = 'x'.repeat(400_000);
    for (const url of [
      long,
      `${long}://h/`,
      `https://${long}/`,
      `https://${long}:x/`,
      `https://h:${'1'.repeat(4e5)}/`,
    ]) {
      expect(refusal(url).message.length).toBeLessThan(250);
    }
  });
});

function refusal(url: string): UpstreamError {
  try {
    parseTarget(url);
  } catch (error) {
    expect(error).toBeInstanceOf(UpstreamError);
    return error as UpstreamError;
  }
  throw new Error(`'${url}' was taken`);
}

test('10,000 authorities are remembered, and no more', () => {
  const { origin } = parseTarget('https://first.example');
  expect(parseTarget('https://first.example/again').origin).toBe(origin);
  for (let i = 0; i < 10_000; i++) parseTarget(`https://h${i}.example`);
  expect(parseTarget('https://first.example').origin).not.toBe(origin);
});
