<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;
use Hawser\Fallback;
use Symfony\Component\HttpClient\Exception\InvalidArgumentException;

/**
 * The options that only a connection of one's own can honour, as options of curl. Where one is set, the request goes to
 * its origin without the broker.
 *
 * @internal
 */
final readonly class DirectOptions
{
    /** Options of TLS that curl takes as they are. */
    private const AS_THEY_ARE = ['cafile', 'capath', 'local_cert', 'local_pk', 'passphrase', 'ciphers'];

    /**
     * @param array<string, mixed>                             $options  as `HttpClientTrait::prepareRequest` leaves them
     * @param Closure(?string, array<string, ?string>): ?string $proxyUrl the option's, or that of the environment
     */
    public function __construct(private Settings $settings, private array $options, private Closure $proxyUrl) {}

    /**
     * Refuses at once what neither the broker nor curl will do.
     *
     * @throws InvalidArgumentException
     */
    public function check(Outgoing $outgoing, Hub $hub): void
    {
        if ((bool) ($this->options['capture_peer_cert_chain'] ?? false)) {
            throw new InvalidArgumentException('Option "capture_peer_cert_chain" is not supported by HawserHttpClient: TLS ends in the broker, which keeps the certificates. Use CurlHttpClient for this request.');
        }
        $fingerprint = $this->options['peer_fingerprint'] ?? null;
        if (\is_array($fingerprint) && $fingerprint !== [] && !isset($fingerprint['pin-sha256'])) {
            throw new InvalidArgumentException('Option "peer_fingerprint" is supported as "pin-sha256" only.');
        }
        $extra = $this->options['extra'] ?? [];
        if (\is_array($extra) && ($extra['curl'] ?? []) !== []) {
            throw new InvalidArgumentException('Option "extra.curl" is not supported by HawserHttpClient: no curl handle is used on the way to the broker. Use CurlHttpClient for this request.');
        }
        $names = array_keys($this->found($outgoing, $hub));
        if ($names !== [] && $hub->options->fallback === Fallback::Fail) {
            throw new InvalidArgumentException(\sprintf('Option "%s" needs a connection of its own, which fallback "fail" forbids: the broker alone may be used. Allowed are the options that the broker can honour; its configuration has names, addresses and TLS per origin.', $names[0]));
        }
        if ($names !== [] && !\extension_loaded('curl')) {
            throw new InvalidArgumentException(\sprintf('Option "%s" needs a connection of its own, and with it ext-curl, which is not loaded.', $names[0]));
        }
    }

    /**
     * What of this request is for curl, as its options. Empty: the broker can do it all.
     *
     * @return array<int, mixed>
     */
    public function of(Outgoing $outgoing, Hub $hub): array
    {
        return array_replace([], ...array_map(static fn(Closure $curl): array => $curl(), array_values($this->found($outgoing, $hub))));
    }

    /**
     * The options that are set, each with a function that returns curl's: without ext-curl those have no names.
     *
     * @return array<string, Closure(): array<int, mixed>>
     */
    private function found(Outgoing $outgoing, Hub $hub): array
    {
        $host = trim((string) parse_url($outgoing->url, \PHP_URL_HOST), '[]');
        $version = $this->option('http_version');
        $address = \array_key_exists($host, $this->settings->resolve) ? $this->settings->resolve[$host] : $hub->address($host);
        $proxy = $this->proxy($outgoing->url, $host);
        $bindTo = $this->option('bindto');
        $ownHost = $outgoing->header('host');
        $pins = \is_array($this->options['peer_fingerprint'] ?? null) ? $this->options['peer_fingerprint']['pin-sha256'] ?? null : null;
        $isOldTls = !\in_array($this->options['crypto_method'] ?? null, [null, \STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT], true);

        $found = [
            'http_version' => \in_array($version, ['1', '1.0', '1.1'], true) ? static fn(): array => [\CURLOPT_HTTP_VERSION => $version === '1.1' ? \CURL_HTTP_VERSION_1_1 : \CURL_HTTP_VERSION_1_0] : null,
            'resolve' => $address === null ? null : static fn(): array => [\CURLOPT_RESOLVE => [self::resolve($outgoing->url, $host, $address)]],
            'proxy' => $proxy === '' ? null : fn(): array => [\CURLOPT_PROXY => $proxy, \CURLOPT_NOPROXY => $this->noProxy(), \CURLOPT_SUPPRESS_CONNECT_HEADERS => true],
            'bindto' => $bindTo === '' || $bindTo === '0' ? null : static fn(): array => self::bindTo($bindTo),
            'max_connect_duration' => $this->settings->maxConnectDuration > 0 ? fn(): array => [\CURLOPT_CONNECTTIMEOUT_MS => max(1, (int) ($this->settings->maxConnectDuration * 1000))] : null,
            // A name other than the URL's reaches the origin on a connection of one's own only.
            'headers: Host' => $ownHost === null || strcasecmp($ownHost, self::authority($outgoing->url)) === 0 ? null : static fn(): array => [\CURLOPT_HTTPHEADER => ["Host: {$ownHost}"]],
            'verify_peer' => ($this->options['verify_peer'] ?? true) === false ? static fn(): array => [\CURLOPT_SSL_VERIFYPEER => false] : null,
            'verify_host' => ($this->options['verify_host'] ?? true) === false ? static fn(): array => [\CURLOPT_SSL_VERIFYHOST => 0] : null,
            'peer_fingerprint' => $pins === null ? null : static fn(): array => [\CURLOPT_PINNEDPUBLICKEY => 'sha256//' . implode(';sha256//', array_filter((array) $pins, is_string(...)))],
            'crypto_method' => $isOldTls ? fn(): array => [\CURLOPT_SSLVERSION => match ($this->options['crypto_method'] ?? null) {
                \STREAM_CRYPTO_METHOD_TLSv1_0_CLIENT => \CURL_SSLVERSION_TLSv1_0,
                \STREAM_CRYPTO_METHOD_TLSv1_1_CLIENT => \CURL_SSLVERSION_TLSv1_1,
                default => \CURL_SSLVERSION_TLSv1_3,
            }] : null,
        ];
        foreach (self::AS_THEY_ARE as $name) {
            $value = $this->option($name);
            $found[$name] = $value === '' ? null : static fn(): array => [match ($name) {
                'cafile' => \CURLOPT_CAINFO,
                'capath' => \CURLOPT_CAPATH,
                'local_cert' => \CURLOPT_SSLCERT,
                'local_pk' => \CURLOPT_SSLKEY,
                'passphrase' => \CURLOPT_KEYPASSWD,
                'ciphers' => \CURLOPT_SSL_CIPHER_LIST,
            } => $value];
        }

        return array_filter($found, static fn(?Closure $curl): bool => $curl !== null);
    }

    private function option(string $name): string
    {
        $value = $this->options[$name] ?? '';

        return \is_scalar($value) ? (string) $value : '';
    }

    /** For one host and port, as curl writes it. */
    private static function resolve(string $url, string $host, string $address): string
    {
        $port = parse_url($url, \PHP_URL_PORT) ?? (str_starts_with($url, 'https:') ? 443 : 80);

        return \sprintf(str_contains($address, ':') ? '%s:%d:[%s]' : '%s:%d:%s', $host, $port, $address);
    }

    /** The option's, or the environment's; empty: none for this host. */
    private function proxy(string $url, string $host): string
    {
        $option = $this->options['proxy'] ?? null;
        $proxy = ($this->proxyUrl)(\is_string($option) ? $option : null, ['scheme' => str_starts_with($url, 'https:') ? 'https:' : 'http:']) ?? '';
        foreach (preg_split('/[\s,]+/', $this->noProxy(), -1, \PREG_SPLIT_NO_EMPTY) ?: [] as $rule) {
            if ($rule === '*' || strcasecmp($host, $rule) === 0 || str_ends_with(strtolower($host), '.' . ltrim(strtolower($rule), '.'))) {
                return '';
            }
        }

        return $proxy;
    }

    private function noProxy(): string
    {
        $hosts = $this->options['no_proxy'] ?? $_SERVER['no_proxy'] ?? $_SERVER['NO_PROXY'] ?? '';

        return \is_string($hosts) ? $hosts : '';
    }

    /**
     * @return array<int, mixed>
     */
    private static function bindTo(string $to): array
    {
        return match (true) {
            str_starts_with($to, '/') && file_exists($to) => [\CURLOPT_UNIX_SOCKET_PATH => $to],
            !str_starts_with($to, 'if!') && preg_match('/^(.*):(\d+)$/D', $to, $match) === 1 => [\CURLOPT_INTERFACE => trim($match[1], '[]'), \CURLOPT_LOCALPORT => (int) $match[2]],
            default => [\CURLOPT_INTERFACE => $to],
        };
    }

    private static function authority(string $url): string
    {
        return (string) preg_replace('~^[^/]+//~', '', Outgoing::origin($url));
    }
}
