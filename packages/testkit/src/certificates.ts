// Throw-away certificates: an authority made in memory, and leaves that are good or wrong in one chosen way.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** PEM text of a certificate and its key. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  /** DNS names and addresses of the certificate; default: `localhost`, `hawser.test`, `*.hawser.test`, `127.0.0.1`, `::1`. */
  readonly names?: readonly string[];
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: a day from now. */
  readonly notAfter?: Date;
  /** Extended key usage; default `server`. */
  readonly usage?: 'server' | 'client';
}

const minuteMs = 60 * 1000;
const dayMs = 24 * 60 * minuteMs;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
// No wildcard above the second level: clients refuse it.
const defaultNames = ['localhost', 'hawser.test', '*.hawser.test', '127.0.0.1', '::1'];

/** A certificate authority that nobody trusts but the test that made it. Keys are EC P-256: one leaf takes milliseconds. */
export class CertificateAuthority {
  /** PEM text of the authority's own certificate: what a client trusts. */
  readonly cert: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #subject: string;

  private constructor(cert: string, keys: webcrypto.CryptoKeyPair, subject: string) {
    this.cert = cert;
    this.#keys = keys;
    this.#subject = subject;
  }

  static async create(commonName = 'Hawser test authority'): Promise<CertificateAuthority> {
    const keys = await createKeys();
    const subject = `CN=${commonName}`;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: subject,
      keys,
      signingAlgorithm: ecdsa,
      notBefore: new Date(Date.now() - 60 * minuteMs),
      notAfter: new Date(Date.now() + 10 * dayMs),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(certificate.toString('pem'), keys, subject);
  }

  /** A leaf signed by this authority. */
  async issue(options: LeafOptions = {}): Promise<CertificatePair> {
    const keys = await createKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${options.names?.[0] ?? 'localhost'}`,
      issuer: this.#subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ecdsa,
      ...validity(options),
      extensions: [
        ...leafExtensions(options),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { cert: certificate.toString('pem'), key: await exportKey(keys) };
  }

  /** A leaf whose validity ended an hour ago. */
  issueExpired(options: LeafOptions = {}): Promise<CertificatePair> {
    const now = Date.now();
    return this.issue({ notBefore: new Date(now - dayMs), notAfter: new Date(now - 60 * minuteMs), ...options });
  }

  /** A leaf that is valid, but for no name a test connects to. */
  issueWrongName(options: LeafOptions = {}): Promise<CertificatePair> {
    return this.issue({ names: ['wrong.invalid'], ...options });
  }
}

/** A leaf that signed itself: no authority a client trusts stands behind it. */
export async function createSelfSigned(options: LeafOptions = {}): Promise<CertificatePair> {
  const keys = await createKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${options.names?.[0] ?? 'localhost'}`,
    keys,
    signingAlgorithm: ecdsa,
    ...validity(options),
    extensions: leafExtensions(options),
  });
  return { cert: certificate.toString('pem'), key: await exportKey(keys) };
}

/** Writes `NAME.pem` and `NAME.key` into a directory, the key readable by its owner only; returns the paths. */
export function writeCertificate(directory: string, name: string, pair: CertificatePair): CertificatePair {
  mkdirSync(directory, { recursive: true });
  const paths = { cert: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
  writeFileSync(paths.cert, pair.cert);
  writeFileSync(paths.key, pair.key, { mode: 0o600 });
  return paths;
}

function validity(options: LeafOptions): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: options.notBefore ?? new Date(Date.now() - 60 * minuteMs),
    notAfter: options.notAfter ?? new Date(Date.now() + dayMs),
  };
}

function leafExtensions(options: LeafOptions): x509.Extension[] {
  const names = (options.names ?? defaultNames).map((value) => ({
    type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
    value,
  }));
  const usage = options.usage === 'client' ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth;
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([usage]),
    new x509.SubjectAlternativeNameExtension(names),
  ];
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

async function exportKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
