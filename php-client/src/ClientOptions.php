<?php

declare(strict_types=1);

namespace Hawser;

use Closure;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Internal\OriginPatterns;
use Psr\Log\LoggerInterface;

/**
 * How a client reaches its broker and what it does without one. Checked when made, fixed afterwards.
 */
final readonly class ClientOptions
{
    public const DEFAULT_SOCKET = '/run/hawser/hawser.sock';

    /** Room in `sockaddr_un` for a path and its final NUL octet (Linux, unix(7)). */
    private const MAX_SOCKET_PATH_BYTES = 107;

    private const MAX_CONNECT_TIMEOUT_MS = 60_000;

    /** What a signed 32-bit count of milliseconds holds: 24 days. */
    private const MAX_TIMEOUT_MS = 2 ** 31 - 1;

    /** Below this, a response stalls at every few field lines' worth of body. */
    private const MIN_WINDOW_BYTES = 16 * 1024;

    /** More would let one exchange fill a worker's memory limit unread. */
    private const MAX_WINDOW_BYTES = 64 * 1024 * 1024;

    /** No pod makes more new connections than this in a second. */
    private const MAX_DIRECT_PER_SECOND = 1_000_000;

    /** Compiled from `$only`; null: every origin. */
    private ?string $onlyPattern;

    /**
     * @param string                                $socket             absolute path of the broker's Unix socket; `HAWSER_SOCKET`
     * @param Fallback                              $fallback           what to do while the broker is away; `HAWSER_FALLBACK`
     * @param int                                   $connectTimeoutMs   longest wait for the broker to take the connection and say
     *                                                                  WELCOME, 1 to 60000; raise it where a starved sidecar
     *                                                                  answers late
     * @param int                                   $timeoutMs          time for a whole exchange where the request names none; 0:
     *                                                                  as long as the broker's configuration allows
     * @param int                                   $windowBytes        unread body one streamed exchange may hold here, 16 KiB to
     *                                                                  64 MiB; raise it for a fast origin far away, at the cost
     *                                                                  of memory
     * @param LoggerInterface|null                  $logger             told once when requests start to go direct, when they
     *                                                                  reach the limit, and when the broker is back; null:
     *                                                                  `error_log()`
     * @param string|null                           $caFile             PEM file of trusted authorities for the direct path; null:
     *                                                                  curl's own. The broker has its own setting
     * @param list<string>|null                     $only               origins that the broker is asked for, such as
     *                                                                  `https://api.example.com` or `https://*.example.com`;
     *                                                                  requests to others take the path they took before. Null:
     *                                                                  all of them. `HAWSER_ONLY`, separated by commas
     * @param int                                   $percent            how many of a hundred requests to those origins go to the
     *                                                                  broker, by lot, 0 to 100; `HAWSER_PERCENT`
     * @param int                                   $maxDirectPerSecond requests that go direct within a second while the broker is
     *                                                                  away, of all workers that share a temporary folder; more
     *                                                                  of them fail. Up to 1000000; 0: no limit. Stay below what
     *                                                                  the NAT gateway and the origin bear in new connections
     * @param (Closure(FallbackEvent): mixed)|null  $onFallback         called for each request that the broker's absence sends
     *                                                                  direct, or ends; for a counter. What it throws ends the
     *                                                                  request
     *
     * @throws InvalidArgumentException for a value that is not allowed
     */
    public function __construct(
        public string $socket = self::DEFAULT_SOCKET,
        public Fallback $fallback = Fallback::Direct,
        public int $connectTimeoutMs = 250,
        public int $timeoutMs = 30_000,
        public int $windowBytes = 256 * 1024,
        public ?LoggerInterface $logger = null,
        public ?string $caFile = null,
        public ?array $only = null,
        public int $percent = 100,
        public int $maxDirectPerSecond = 100,
        public ?Closure $onFallback = null,
    ) {
        if (($socket[0] ?? '') !== '/' || \strlen($socket) > self::MAX_SOCKET_PATH_BYTES || str_contains($socket, "\0")) {
            throw new InvalidArgumentException(\sprintf('ClientOptions: socket is %s; allowed is an absolute path of at most %d octets.', json_encode($socket, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE), self::MAX_SOCKET_PATH_BYTES));
        }
        match (true) {
            $connectTimeoutMs < 1 || $connectTimeoutMs > self::MAX_CONNECT_TIMEOUT_MS => throw self::outOfRange('connectTimeoutMs', $connectTimeoutMs, 1, self::MAX_CONNECT_TIMEOUT_MS),
            $timeoutMs < 0 || $timeoutMs > self::MAX_TIMEOUT_MS => throw self::outOfRange('timeoutMs', $timeoutMs, 0, self::MAX_TIMEOUT_MS),
            $windowBytes < self::MIN_WINDOW_BYTES || $windowBytes > self::MAX_WINDOW_BYTES => throw self::outOfRange('windowBytes', $windowBytes, self::MIN_WINDOW_BYTES, self::MAX_WINDOW_BYTES),
            $percent < 0 || $percent > 100 => throw self::outOfRange('percent', $percent, 0, 100),
            $maxDirectPerSecond < 0 || $maxDirectPerSecond > self::MAX_DIRECT_PER_SECOND => throw self::outOfRange('maxDirectPerSecond', $maxDirectPerSecond, 0, self::MAX_DIRECT_PER_SECOND),
            default => null,
        };
        if ($caFile !== null && !is_readable($caFile)) {
            throw new InvalidArgumentException(\sprintf('ClientOptions: caFile is "%s"; allowed is a readable file.', $caFile));
        }
        $this->onlyPattern = $only === null ? null : OriginPatterns::compile('ClientOptions: only', $only);
    }

    /**
     * The environment's options, with the broker for these origins alone, or for a part of the requests to them.
     *
     * @param list<string> $origins as the constructor's `$only`
     * @param int          $percent as the constructor's `$percent`
     *
     * @throws InvalidArgumentException for a value that is not allowed
     */
    public static function only(array $origins, int $percent = 100): self
    {
        return self::fromArray(['only' => $origins, 'percent' => $percent] + self::environment());
    }

    /**
     * The defaults, with `HAWSER_SOCKET`, `HAWSER_FALLBACK` (`direct` or `fail`), `HAWSER_ONLY` (origins, separated by
     * commas) and `HAWSER_PERCENT` (0 to 100) where they are set and not empty.
     *
     * @throws InvalidArgumentException for a value that is not allowed
     */
    public static function fromEnvironment(): self
    {
        return self::fromArray(self::environment());
    }

    /**
     * Options from a configuration file: the names of the constructor's parameters, `fallback` also as a string.
     * What is not named keeps its default; the environment is not read.
     *
     * @param array<string, mixed> $values
     *
     * @throws InvalidArgumentException for a name or a value that is not allowed
     */
    public static function fromArray(array $values): self
    {
        $options = get_object_vars(new self());
        unset($options['onlyPattern']);
        foreach ($values as $name => $value) {
            [$isFit, $allowed] = match ($name) {
                'socket' => [\is_string($value), 'string'],
                'fallback' => [\is_string($value) || $value instanceof Fallback, 'direct or fail'],
                'connectTimeoutMs', 'timeoutMs', 'windowBytes', 'percent', 'maxDirectPerSecond' => [\is_int($value), 'int'],
                'logger' => [$value === null || $value instanceof LoggerInterface, LoggerInterface::class . ' or null'],
                'caFile' => [$value === null || \is_string($value), 'string or null'],
                'only' => [$value === null || \is_array($value), 'list of origins or null'],
                'onFallback' => [$value === null || $value instanceof Closure, 'Closure(Hawser\FallbackEvent) or null'],
                default => throw new InvalidArgumentException(\sprintf('ClientOptions: "%s" is no option; allowed are %s.', $name, implode(', ', array_keys($options)))),
            };
            if (!$isFit) {
                throw new InvalidArgumentException(\sprintf('ClientOptions: %s is %s; allowed is %s.', $name, get_debug_type($value), $allowed));
            }
            $options[$name] = \is_string($value) && $name === 'fallback' ? self::fallback('ClientOptions: fallback', $value) : $value;
        }

        return new self(...$options); // @phpstan-ignore argument.type (each was checked above, by name)
    }

    /**
     * Whether a request to this URL is one for the broker. Where `percent` is below 100 this draws lots: ask once for
     * each request.
     */
    public function takes(string $url): bool
    {
        return ($this->onlyPattern === null || preg_match($this->onlyPattern, $url) === 1)
            && ($this->percent === 100 || random_int(1, 100) <= $this->percent);
    }

    /**
     * @return array<string, mixed>
     */
    private static function environment(): array
    {
        $values = [];
        foreach (['HAWSER_SOCKET' => 'socket', 'HAWSER_FALLBACK' => 'fallback', 'HAWSER_ONLY' => 'only', 'HAWSER_PERCENT' => 'percent'] as $variable => $name) {
            $value = trim((string) getenv($variable));
            if ($value === '') {
                continue;
            }
            $values[$name] = match ($name) {
                'fallback' => self::fallback($variable, $value),
                'only' => self::list($variable, $value),
                'percent' => preg_match('/^\d{1,3}$/D', $value) === 1 && (int) $value <= 100 ? (int) $value : throw new InvalidArgumentException(\sprintf('%s is "%s"; allowed is 0 to 100.', $variable, $value)),
                default => $value,
            };
        }

        return $values;
    }

    /**
     * @return list<string>
     */
    private static function list(string $variable, string $value): array
    {
        $origins = array_map(trim(...), explode(',', $value));
        OriginPatterns::compile($variable, $origins);

        return $origins;
    }

    private static function fallback(string $name, string $value): Fallback
    {
        return Fallback::tryFrom($value)
            ?? throw new InvalidArgumentException(\sprintf('%s is "%s"; allowed are direct and fail.', $name, $value));
    }

    private static function outOfRange(string $name, int $value, int $min, int $max): InvalidArgumentException
    {
        return new InvalidArgumentException(\sprintf('ClientOptions: %s is %d; allowed is %d to %d.', $name, $value, $min, $max));
    }
}
