import { InteropStand } from '/work/main/packages/broker/test/interop/interop-stand.ts';
import { nginx } from '/work/main/packages/broker/test/interop/nginx.ts';
import { apache } from '/work/main/packages/broker/test/interop/apache.ts';
import { h2o } from '/work/main/packages/broker/test/interop/h2o.ts';
import { caddy } from '/work/main/packages/broker/test/interop/caddy.ts';
import { haproxy } from '/work/main/packages/broker/test/interop/haproxy.ts';
import { nghttpd } from '/work/main/packages/broker/test/interop/nghttpd.ts';
import { summarize } from '/work/main/packages/broker/test/interop/load-report.ts';
for (const server of [nginx, apache, h2o, caddy, haproxy, nghttpd]) for (const protocol of server.protocols) {
  try {
    await using stand = await InteropStand.start({ server, protocol });
    const php = await stand.php('interop-basics.php', [stand.server.url]);
    const { code } = await php.exited;
    console.log(server.name, protocol, code, code === 0 ? Object.entries(JSON.parse(php.stdout)).map(([k,v]: any) => k + ':' + (v.status ?? '') + '/' + v.protocol + '/' + v.length + '/' + v.bytes).join(' ') : php.stdout + php.stderr);
    const t = performance.now();
    const r = await stand.run({ methods: ['GET', 'POST'], requests: 400, processes: 4 });
    console.log('  ', (performance.now() - t).toFixed(0), 'ms', r.answers, JSON.stringify(r.sessions), JSON.stringify(r.protocols), summarize(r.failures), 'connections', await stand.connections(r), 'dup', stand.duplicates('r').length, stand.origin.executions.size);
  } catch (e) { console.log(server.name, protocol, 'ERR', e); }
}
