<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use Closure;
use GuzzleHttp\Exception\InvalidArgumentException;
use GuzzleHttp\Psr7\LazyOpenStream;
use GuzzleHttp\Psr7\Utils as Psr7Utils;
use GuzzleHttp\Utils;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamInterface;

/**
 * What Guzzle's request options ask of the transport. An option that the broker's way cannot honour is never dropped:
 * `forCurl` names it, and the request goes to Guzzle's own handler.
 *
 * @internal
 */
final readonly class TransportOptions
{
    /** Options that Guzzle's client and middleware have dealt with before a handler is asked, and hints that hold anyway. */
    public const ABOVE = [
        'allow_redirects', 'auth', 'body', 'cookies', 'expect', 'form_params', 'headers', 'http_errors', 'idn_conversion',
        'json', 'multipart', 'query', 'request_factory', 'response_factory', 'retries', 'stream_factory', 'synchronous',
        'uri_factory', 'version',
    ];

    /** Options that are honoured here. */
    public const HONOURED = [
        'connect_timeout', 'debug', 'decode_content', 'delay', 'multiplex', 'on_headers', 'on_stats', 'on_trailers',
        'progress', 'protocols', 'proxy', 'read_timeout', 'sink', 'stream', 'timeout', 'verify',
    ];

    /** Options about one's own connection to the origin: where they are set, curl makes one. */
    public const FOR_CURL = [
        'cert', 'cert_type', 'crypto_method', 'crypto_method_max', 'curl', 'force_ip_resolve', 'ssl_key', 'ssl_key_type',
        'stream_context',
    ];

    /**
     * @param string|null                                                  $forCurl         why Guzzle's own handler must send it
     * @param int|null                                                     $timeoutMs       0: none; null: the client's
     * @param int|null                                                     $connectTimeoutMs of the direct path; null: its own
     * @param int                                                          $readTimeoutMs   between two parts of a streamed body; 0: none
     * @param StreamInterface|null                                         $sink            null: memory
     * @param (Closure(ResponseInterface): mixed)|null                     $onHeaders
     * @param (Closure(array<string, list<string>>, ResponseInterface): mixed)|null $onTrailers
     * @param (Closure(\GuzzleHttp\TransferStats): mixed)|null             $onStats
     * @param (Closure(int, int, int, int): mixed)|null                    $onProgress
     * @param resource|null                                                $debug
     */
    private function __construct(
        public ?string $forCurl,
        public ?int $timeoutMs = null,
        public ?int $connectTimeoutMs = null,
        public int $readTimeoutMs = 0,
        public int $delayMs = 0,
        public bool $isStream = false,
        public bool $isDecoded = false,
        public ?StreamInterface $sink = null,
        public ?Closure $onHeaders = null,
        public ?Closure $onTrailers = null,
        public ?Closure $onStats = null,
        public ?Closure $onProgress = null,
        public mixed $debug = null,
    ) {}

    /**
     * @param array<array-key, mixed> $options
     *
     * @throws InvalidArgumentException for an option of a wrong type
     */
    public static function of(RequestInterface $request, array $options, ?string $caFile): self
    {
        $forCurl = self::forCurl($request, $options, $caFile);
        if ($forCurl !== null) {
            return new self($forCurl);
        }
        $isDecoded = $options['decode_content'] ?? false;

        return new self(
            null,
            self::milliseconds('timeout', $options['timeout'] ?? null),
            self::milliseconds('connect_timeout', $options['connect_timeout'] ?? null),
            self::milliseconds('read_timeout', $options['read_timeout'] ?? null) ?? 0,
            self::delay($options['delay'] ?? null),
            (bool) ($options['stream'] ?? false),
            $isDecoded !== false && $isDecoded !== '',
            self::sink($options['sink'] ?? null),
            self::closure('on_headers', $options['on_headers'] ?? null),
            self::closure('on_trailers', $options['on_trailers'] ?? null),
            self::closure('on_stats', $options['on_stats'] ?? null),
            self::closure('progress', $options['progress'] ?? null),
            self::debug($options['debug'] ?? null),
        );
    }

    public static function refused(string $reason): InvalidArgumentException
    {
        return new InvalidArgumentException("Hawser: {$reason}; only a connection of PHP's own can do that, and fallback \"fail\" forbids one.");
    }

    /** A lowest TLS version that the broker keeps anyway; Laravel asks for one with every request. */
    private static function isMetByBroker(mixed $lowestTls): bool
    {
        return \in_array($lowestTls, [\STREAM_CRYPTO_METHOD_TLSv1_0_CLIENT, \STREAM_CRYPTO_METHOD_TLSv1_1_CLIENT, \STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT], true);
    }

    /**
     * @param array<array-key, mixed> $options
     */
    private static function forCurl(RequestInterface $request, array $options, ?string $caFile): ?string
    {
        foreach (self::FOR_CURL as $name) {
            if (isset($options[$name]) && $options[$name] !== [] && !($name === 'crypto_method' && self::isMetByBroker($options[$name]))) {
                return "the request has the option {$name}";
            }
        }
        $verify = $options['verify'] ?? true;
        if ($verify !== true && ($caFile === null || $verify !== $caFile)) {
            return 'the request has the option verify, and not true';
        }
        if (isset($options['proxy']) && self::hasProxy($request, $options['proxy'])) {
            return 'the request has the option proxy';
        }
        if (\in_array($options['multiplex'] ?? null, ['none', 'require_eager', 'require_wait'], true)) {
            return 'the request has the option multiplex, and not as a wish';
        }
        if (!\in_array($request->getProtocolVersion(), ['1.1', '2', '2.0'], true)) {
            return 'the request has the option version, and neither 1.1 nor 2';
        }
        $uri = $request->getUri();
        $protocols = $options['protocols'] ?? null;
        if (\is_array($protocols) && !\in_array($uri->getScheme(), array_map(static fn(mixed $name): string => \is_string($name) ? strtolower($name) : '', $protocols), true)) {
            return 'the request has the option protocols, and another scheme';
        }
        if (!\in_array($uri->getScheme(), ['https', 'http'], true) || $uri->getHost() === '') {
            return 'the URL is no absolute one with https or http';
        }
        $port = $uri->getPort();
        $host = strtolower($request->getHeaderLine('Host'));
        if ($host !== '' && $host !== strtolower($uri->getHost() . ($port === null ? '' : ":{$port}"))) {
            return 'the request has another Host field than its URL';
        }

        return null;
    }

    private static function hasProxy(RequestInterface $request, mixed $proxy): bool
    {
        if (!\is_array($proxy)) {
            return $proxy !== '';
        }
        $uri = $request->getUri();
        if (($proxy[$uri->getScheme()] ?? '') === '') {
            return false;
        }
        $no = \is_string($proxy['no'] ?? null) ? explode(',', $proxy['no']) : $proxy['no'] ?? [];
        // Guzzle 8 has it in a class of its own.
        foreach (['GuzzleHttp\ProxyOptions', Utils::class] as $class) {
            $isInNoProxy = [$class, 'isUriInNoProxy'];
            if (\is_callable($isInNoProxy)) {
                return $isInNoProxy($uri, $no) !== true;
            }
        }

        return true;
    }

    private static function milliseconds(string $name, mixed $seconds): ?int
    {
        return match (true) {
            $seconds === null => null,
            is_numeric($seconds) && $seconds >= 0 && $seconds <= 2_147_483 => (int) ceil((float) $seconds * 1000),
            default => throw self::wrong($name, $seconds, 'seconds from 0 (none) to 2147483'),
        };
    }

    private static function delay(mixed $milliseconds): int
    {
        return match (true) {
            $milliseconds === null => 0,
            is_numeric($milliseconds) && $milliseconds >= 0 && $milliseconds <= 0x7FFFFFFF => (int) $milliseconds,
            default => throw self::wrong('delay', $milliseconds, 'milliseconds from 0 to 2147483647'),
        };
    }

    private static function closure(string $name, mixed $callable): ?Closure
    {
        return match (true) {
            $callable === null => null,
            \is_callable($callable) => $callable(...),
            default => throw self::wrong($name, $callable, 'a callable'),
        };
    }

    private static function sink(mixed $sink): ?StreamInterface
    {
        if (\is_string($sink)) {
            return is_dir(\dirname($sink)) ? new LazyOpenStream($sink, 'w+') : throw new InvalidArgumentException(\sprintf('sink is %s, and there is no such directory.', $sink));
        }

        return match (true) {
            $sink === null => null,
            $sink instanceof StreamInterface => $sink,
            \is_resource($sink) => Psr7Utils::streamFor($sink),
            default => throw self::wrong('sink', $sink, 'a path, a stream resource or a StreamInterface'),
        };
    }

    /**
     * @return resource|null
     */
    private static function debug(mixed $debug): mixed
    {
        return match (true) {
            $debug === null, $debug === false => null,
            \is_resource($debug) => $debug,
            $debug === true => \defined('STDOUT') && \is_resource(\STDOUT) ? \STDOUT : (fopen('php://output', 'w') ?: null),
            default => throw self::wrong('debug', $debug, 'true, false or a stream resource'),
        };
    }

    private static function wrong(string $name, mixed $value, string $allowed): InvalidArgumentException
    {
        return new InvalidArgumentException(\sprintf('%s is %s; allowed is %s.', $name, is_numeric($value) ? (string) $value : get_debug_type($value), $allowed));
    }
}
