import { writeFileSync } from 'node:fs';
import { createTemporaryDirectory } from '@hawser/testkit';
import { describe, expect, test } from 'vitest';
import { candidateNames, ResolvConf, type ResolverSettings } from './resolv-conf.ts';

const kubernetes = {
  search: ['prod.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  ndots: 5,
};

describe('the names that a name may stand for', () => {
  test.each<[string, Pick<ResolverSettings, 'search' | 'ndots'>, string[]]>([
    [
      'redis.data',
      kubernetes,
      ['redis.data.prod.svc.cluster.local', 'redis.data.svc.cluster.local', 'redis.data.cluster.local', 'redis.data'],
    ],
    ['api.example.com.', kubernetes, ['api.example.com']],
    [
      'a.b.c.d.e.f',
      kubernetes,
      [
        'a.b.c.d.e.f',
        'a.b.c.d.e.f.prod.svc.cluster.local',
        'a.b.c.d.e.f.svc.cluster.local',
        'a.b.c.d.e.f.cluster.local',
      ],
    ],
    ['db', { search: [], ndots: 1 }, ['db']],
    ['db', { search: ['example.com'], ndots: 1 }, ['db.example.com', 'db']],
    ['db.x', { search: ['example.com'], ndots: 1 }, ['db.x', 'db.x.example.com']],
    ['db', { search: ['example.com'], ndots: 0 }, ['db', 'db.example.com']],
    ['db', { search: [''], ndots: 1 }, ['db']],
  ])('%s', (name, settings, expected) => {
    expect(candidateNames(name, settings)).toEqual(expected);
  });

  test('none of them is longer than a name may be', () => {
    const name = Array(4).fill('a'.repeat(60)).join('.');
    expect(candidateNames(name, { search: ['short', 'a-domain.example'], ndots: 5 })).toEqual([`${name}.short`, name]);
  });
});

describe('resolv.conf', () => {
  test.each<[string, string, ResolverSettings]>([
    ['nothing', '', { servers: [], search: [], ndots: 1 }],
    [
      'what a pod gets',
      'search prod.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
      { servers: ['10.96.0.10'], ...kubernetes },
    ],
    ['comments', '# nameserver 1.1.1.1\nnameserver ::1 ; local\n', { servers: ['::1'], search: [], ndots: 1 }],
    ['the last search or domain', 'search a b\ndomain C. d\n', { servers: [], search: ['c'], ndots: 1 }],
    [
      'at most three servers',
      `${'nameserver 1.1.1.1\n'.repeat(5)}`,
      { servers: Array(3).fill('1.1.1.1'), search: [], ndots: 1 },
    ],
    ['ndots up to 15', 'options edns0 ndots:99 rotate\n', { servers: [], search: [], ndots: 15 }],
    ['nonsense', 'nameserver dns.example\noptions ndots:x\nwhat ever\n', { servers: [], search: [], ndots: 1 }],
  ])('%s', (_name, text, expected) => {
    using directory = createTemporaryDirectory();
    writeFileSync(directory.file('resolv.conf'), text);
    expect(new ResolvConf(directory.file('resolv.conf')).settings).toEqual(expected);
  });

  test('is read anew when it changes, and kept when it is gone', () => {
    using directory = createTemporaryDirectory();
    const path = directory.file('resolv.conf');
    const conf = new ResolvConf(path);
    expect(conf.settings.search).toEqual([]);
    for (const domain of ['one', 'two', 'six']) {
      writeFileSync(path, `search ${domain}\n`);
      expect(conf.settings.search).toEqual([domain]);
    }
    directory.remove();
    expect(conf.settings.search).toEqual(['six']);
  });
});
