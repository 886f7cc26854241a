<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use OpenSSLAsymmetricKey;
use OpenSSLCertificate;
use RuntimeException;

/**
 * A throw-away authority, and certificates for origins in this process.
 */
final class Certificates
{
    public readonly string $caFile;

    private readonly OpenSSLCertificate $ca;

    private readonly OpenSSLAsymmetricKey $key;

    private readonly string $folder;

    public function __construct()
    {
        $this->folder = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir($this->folder);
        file_put_contents("{$this->folder}/openssl.cnf", "[req]\ndistinguished_name = dn\n[dn]\n[ca]\nbasicConstraints = critical, CA:true\nkeyUsage = keyCertSign\n");
        $this->key = self::key();
        $this->ca = $this->sign('Hawser test authority ' . bin2hex(random_bytes(4)), null, 10, 'ca');
        $this->caFile = "{$this->folder}/ca.pem";
        openssl_x509_export_to_file($this->ca, $this->caFile);
    }

    public function __destruct()
    {
        array_map(unlink(...), glob("{$this->folder}/*") ?: []);
        rmdir($this->folder);
    }

    /**
     * A PEM file of certificate and key.
     *
     * @param string $names such as `DNS:localhost`
     * @param int    $days  until it expires; 0: it does so within the second
     */
    public function issue(string $names = 'DNS:localhost,IP:127.0.0.1', int $days = 10): string
    {
        file_put_contents("{$this->folder}/openssl.cnf", "[req]\ndistinguished_name = dn\n[dn]\n[leaf]\nsubjectAltName = {$names}\n");
        openssl_x509_export($this->sign('origin', $this->ca, $days, 'leaf'), $certificate);
        openssl_pkey_export($this->key, $key, null, ['config' => "{$this->folder}/openssl.cnf"]);
        $file = "{$this->folder}/" . bin2hex(random_bytes(4)) . '.pem';
        file_put_contents($file, (\is_string($certificate) ? $certificate : '') . (\is_string($key) ? $key : ''));

        return $file;
    }

    private function sign(string $name, ?OpenSSLCertificate $issuer, int $days, string $extensions): OpenSSLCertificate
    {
        $options = ['config' => "{$this->folder}/openssl.cnf", 'digest_alg' => 'sha256', 'x509_extensions' => $extensions];
        $key = $this->key;
        $request = openssl_csr_new(['commonName' => $name], $key, $options);
        $certificate = $request instanceof \OpenSSLCertificateSigningRequest ? openssl_csr_sign($request, $issuer, $this->key, $days, $options, random_int(1, PHP_INT_MAX)) : false;

        return $certificate === false ? throw new RuntimeException('no certificate: ' . openssl_error_string()) : $certificate;
    }

    private static function key(): OpenSSLAsymmetricKey
    {
        return openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']) ?: throw new RuntimeException('no key');
    }
}
