// What the image is made of, laid out by `.ci/deploy`: the published JavaScript and production dependencies alone.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createTemporaryDirectory, eventually, startNode, startProcess } from '@hawser/testkit';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

const root = new URL('../../../', import.meta.url);

it('serves, answers the probe of the sidecar, and drains on SIGTERM', { timeout: 120_000 }, async () => {
  using directory = createTemporaryDirectory();
  const app = directory.file('app');
  const socket = directory.file('hawser.sock');

  await using deploy = await startProcess('bash', [fileURLToPath(new URL('.ci/deploy', root)), app]);
  expect(await deploy.exited, deploy.stdout + deploy.stderr).toMatchObject({ code: 0 });
  expect(existsSync(`${app}/src`)).toBe(false);
  expect(existsSync(`${app}/node_modules/@hawser/testkit`)).toBe(false);

  expect(await probe(socket)).toBe(1);
  await using broker = await startNode(`${app}/dist/main.js`, ['serve', '--socket', socket]);
  await eventually(async () => (await probe(socket)) === 0, { everyMs: 50 });

  expect(await broker.stop('SIGTERM')).toMatchObject({ code: 0 });
  expect(existsSync(socket)).toBe(false);
});

/** Runs the startup probe of docs/kubernetes/sidecar.yaml against another socket; resolves to its exit code. */
async function probe(socket: string): Promise<number | null> {
  const manifest = readFileSync(new URL('docs/kubernetes/sidecar.yaml', root), 'utf8');
  const [, deployment] = parseAllDocuments(manifest);
  const path = ['spec', 'template', 'spec', 'initContainers', 0, 'startupProbe', 'exec', 'command', 2];
  const script = deployment?.getIn(path) as string;
  await using child = await startProcess(process.execPath, ['-e', script.replace('/run/hawser/hawser.sock', socket)]);
  return (await child.exited).code;
}
