// docs/kubernetes/sidecar.yaml against the schema of Kubernetes and against what the broker and its image really do.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1';
import { ConfigMap } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../src/index.ts';

type Resource = ConfigMap | Deployment;

const kinds = { 'v1 ConfigMap': ConfigMap, 'apps/v1 Deployment': Deployment };
const root = new URL('../../../', import.meta.url);
const documents = parseAllDocuments(readFileSync(new URL('docs/kubernetes/sidecar.yaml', root), 'utf8'));
const resources = documents.map((document) => toResource(document.toJS() as Record<string, unknown>));
const configMap = only(resources.filter((resource) => resource instanceof ConfigMap));
const deployment = only(resources.filter((resource) => resource instanceof Deployment));
const pod = deployment.spec?.template.spec;
const hawser = only(pod?.initContainers ?? []);
const php = only(pod?.containers ?? []);
const socketPath = '/run/hawser/hawser.sock';

describe('the schema of Kubernetes', () => {
  it('is free of YAML errors', () => {
    expect(documents.flatMap((document) => [...document.errors, ...document.warnings])).toEqual([]);
  });

  it.each(resources.map((resource) => [resource.kind, resource]))('accepts the %s', (_, resource) => {
    expect(() => resource.validate()).not.toThrow();
  });

  it.each(resources.map((resource) => [resource.kind, resource]))('knows every key of the %s', (_, resource) => {
    expect(unknownKeys(resource)).toEqual([]);
  });

  it('would tell of a key that it does not know', () => {
    const copy = toResource(deployment.toJSON() as Record<string, unknown>);
    const [container] = (copy as Deployment).spec?.template.spec?.initContainers ?? [];
    Object.assign(container ?? {}, { restartPolcy: 'Always' });
    expect(unknownKeys(copy)).toEqual(['/spec/template/spec/initContainers/0/restartPolcy']);
  });
});

describe('the pod', () => {
  it('runs the broker as a native sidecar', () => {
    expect(hawser).toMatchObject({ name: 'hawser', restartPolicy: 'Always' });
    expect(hawser.startupProbe?.exec?.command?.join(' ')).toContain(socketPath);
  });

  it('shares the socket through one volume in memory', () => {
    const mounts = [hawser, php].map((container) => mountAt(container, dirname(socketPath)));
    expect(new Set(mounts.map((mount) => mount?.name)).size).toBe(1);
    expect(pod?.volumes?.find((volume) => volume.name === mounts[0]?.name)?.emptyDir?.medium).toBe('Memory');
  });

  it('lets PHP connect to the socket and not replace it', () => {
    expect(mountAt(hawser, dirname(socketPath))?.readOnly ?? false).toBe(false);
    expect(mountAt(php, dirname(socketPath))?.readOnly).toBe(true);
  });

  it('puts the socket into a group that both containers are in', () => {
    expect(pod?.securityContext?.fsGroup).toBe(hawser.securityContext?.runAsGroup);
    expect(brokerConfig().listen.mode & 0o060).toBe(0o060);
  });

  it('tells PHP and the broker the same socket', () => {
    expect(php.env).toContainEqual({ name: 'HAWSER_SOCKET', value: socketPath });
    expect(brokerConfig().listen.socket).toBe(socketPath);
  });

  it('mounts the configuration where the broker is told to read it', () => {
    const file = hawser.args?.[hawser.args.indexOf('--config') + 1] ?? '';
    const mount = mountAt(hawser, dirname(file));
    const volume = pod?.volumes?.find(({ name }) => name === mount?.name);
    expect(volume?.configMap?.name).toBe(configMap.metadata?.name);
    expect(Object.keys(configMap.data ?? {}).map((name) => `${mount?.mountPath}/${name}`)).toEqual([file]);
  });

  it('runs the broker as the user of the image', () => {
    const { runAsUser, runAsGroup } = hawser.securityContext ?? {};
    expect(readFileSync(new URL('Dockerfile', root), 'utf8')).toContain(`\nUSER ${runAsUser}:${runAsGroup}\n`);
  });

  it('gives no container more than it needs', () => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    for (const { securityContext } of [hawser, php]) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('leaves the broker time to drain', () => {
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(30);
  });
});

function toResource(content: Record<string, unknown>): Resource {
  const name = `${content.apiVersion} ${content.kind}`;
  const Kind = (kinds as Record<string, new (data: never) => Resource>)[name];
  if (Kind === undefined) throw new Error(`sidecar.yaml holds a ${name}, which this test does not know`);
  return new Kind(content as never);
}

function only<T>(items: readonly T[]): T {
  if (items.length !== 1) throw new Error(`expected one, found ${items.length}`);
  return items[0] as T;
}

function mountAt(container: typeof php, mountPath: string) {
  return container.volumeMounts?.find((mount) => mount.mountPath === mountPath);
}

function brokerConfig() {
  return parseConfig(configMap.data?.['hawser.yaml'] ?? '', 'hawser.yaml');
}

/**
 * The schema allows keys that it does not name, and Kubernetes drops them in silence. A key that it names refuses a
 * value which is of no JSON type at all, so a key that takes one is a key that it does not know.
 */
function unknownKeys(resource: Resource): string[] {
  const isRefused = (holder: Record<string, unknown>, key: string): boolean => {
    const value = holder[key];
    holder[key] = () => 'of no JSON type';
    try {
      resource.validate();
      return false;
    } catch {
      return true;
    } finally {
      holder[key] = value;
    }
  };
  const visit = (holder: Record<string, unknown>, path: string): string[] =>
    Object.keys(holder).flatMap((key) => {
      if (!isRefused(holder, key)) return [`${path}/${key}`];
      const value = holder[key];
      return typeof value === 'object' && value !== null ? visit(value as typeof holder, `${path}/${key}`) : [];
    });
  return visit(resource as unknown as Record<string, unknown>, '');
}
