// The import rules: which package may import which, and the one file through which each library comes in.

/** Who may import whom. Tests may import @hawser/testkit as well; nothing imports a package that is not drawn here. */
const layers = {
  protocol: [],
  http2: [],
  upstream: ['http2'],
  broker: ['protocol', 'http2', 'upstream'],
  testkit: ['protocol'],
};

/** Where each library enters production code. Replacing the library is a change of that file alone. */
const libraries = {
  commander: 'packages/broker/src/main.ts',
  'node:http2': 'packages/http2/src/node-engine.ts',
  msgpackr: 'packages/protocol/src/msgpack.ts',
  pino: 'packages/broker/src/log.ts',
  undici: 'packages/upstream/src/http1-session.ts',
  yaml: 'packages/broker/src/config/file.ts',
  zod: 'packages/broker/src/config/schema.ts',
};

const testFile = String.raw`\.test(\.fixture)?\.ts$|^packages/[^/]+/test/`;
const notProduction = `${testFile}|^packages/testkit/|^bench/|^\\.ci/`;
const anyLibrary = '(^|/)node_modules/(?!@types/)';

const literal = (text) => text.replaceAll(/[.\\/$^*+?()[\]{}|]/g, String.raw`\$&`);
const isBuiltin = (library) => library.startsWith('node:');
const libraryPath = (library) =>
  isBuiltin(library) ? `^(node:)?${library.slice('node:'.length)}$` : `(^|/)node_modules/${literal(library)}/`;

const layerRules = Object.entries(layers).map(([name, allowed]) => ({
  name: `${name}-imports-only-what-is-drawn`,
  comment: `packages/${name} may import ${allowed.length > 0 ? allowed.join(', ') : 'no other package'}.`,
  severity: 'error',
  from: { path: `^packages/${name}/` },
  to: { path: '^(packages|bench)/', pathNot: `^packages/(${[name, ...allowed, 'testkit'].join('|')})/` },
}));

const libraryRules = Object.entries(libraries).map(([library, file]) => ({
  name: `${library.replace(':', '-')}-through-one-file`,
  comment: `Production code reaches ${library} through ${file} alone.`,
  severity: 'error',
  from: { path: '^packages/', pathNot: `${notProduction}|^${literal(file)}$` },
  to: { path: libraryPath(library) },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    ...libraryRules,
    {
      name: 'bench-imports-testkit-only',
      comment: 'The bench drives the broker as a process, as its users do.',
      severity: 'error',
      from: { path: '^bench/', pathNot: '^bench/src/micro/' },
      to: { path: '^packages/', pathNot: '^packages/testkit/' },
    },
    {
      name: 'micro-benchmarks-import-hot-parts-only',
      comment:
        'What cannot be measured from outside is measured by its public names: the codec and the HTTP/2 engines.',
      severity: 'error',
      from: { path: '^bench/src/micro/' },
      to: { path: '^packages/', pathNot: '^packages/(protocol|http2)/' },
    },
    {
      name: 'unlisted-library',
      comment: 'A library new to production code is first given its one file in .dependency-cruiser.cjs.',
      severity: 'error',
      from: { path: '^packages/', pathNot: notProduction },
      to: {
        path: anyLibrary,
        pathNot: Object.keys(libraries)
          .filter((library) => !isBuiltin(library))
          .map(libraryPath)
          .join('|'),
      },
    },
    {
      name: 'packages-by-name-only',
      comment: "Another package is imported by its name, and its name is its '.' alone.",
      severity: 'error',
      from: { path: '^(packages/[^/]+|bench)/' },
      to: { path: '^packages/', pathNot: ['^$1/', String.raw`^packages/[^/]+/src/index\.ts$`] },
    },
    {
      name: 'packages-not-by-relative-path',
      comment: 'A path that climbs out of its package goes around package.json and its exports.',
      severity: 'error',
      from: { path: '^(packages/[^/]+|bench)/' },
      to: { path: '^(packages|bench)/', pathNot: '^$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'production-imports-no-tests',
      comment: 'What is published imports neither the testkit, nor vitest, nor a test.',
      severity: 'error',
      from: { path: '^packages/', pathNot: notProduction },
      to: { path: `${testFile}|^packages/testkit/|(^|/)node_modules/(vitest|@vitest)/` },
    },
    {
      name: 'no-cycles',
      comment: 'Files that import each other in a ring cannot be read, tested or replaced one at a time.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere, or around the exports of a package.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-dependencies',
      comment: "Production code uses the dependencies in its own package's package.json.",
      severity: 'error',
      from: { path: '^packages/', pathNot: notProduction },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional', 'npm-bundled'] },
    },
  ],
  options: {
    parser: 'tsc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(packages/[^/]+|bench)/dist/|^bench/php/vendor/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.d.ts'],
    },
  },
};
