<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Closure;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Fields;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Body\CallableSource;
use Hawser\Internal\Body\IterableSource;
use Hawser\Internal\Body\ResourceSource;
use Hawser\Internal\Body\StringSource;
use Hawser\Internal\Wire\Wire;
use Traversable;

/**
 * A request as the caller asked for it, brought into the one form that both paths take. Whether it is valid HTTP is
 * not asked here: the broker decides that.
 *
 * @internal
 */
final readonly class Request
{
    private const OPTIONS = ['headers', 'body', 'timeoutMs', 'connectTimeoutMs', 'stream', 'trailers', 'onInformational'];

    /** An origin that is not reached within this time is not there. */
    private const CONNECT_TIMEOUT_MS = 10_000;

    /**
     * @param list<string>                                     $fields          name, value, name, value, …; names lower case
     * @param string|BodySource|null                           $body            a string is short enough for one frame
     * @param int                                              $timeoutMs       0: none
     * @param int                                              $connectTimeoutMs of the direct path
     * @param bool                                             $isStreamed      the caller reads the response body as it comes
     * @param (Closure(): array<array-key, mixed>)|null        $trailers        asked after the body
     * @param (Closure(int, Fields): mixed)|null               $onInformational
     * @param array<int, mixed>                                $curlOptions     for the direct path only
     */
    private function __construct(
        public string $method,
        public string $url,
        public array $fields,
        public string|BodySource|null $body,
        public int $timeoutMs,
        public int $connectTimeoutMs,
        public bool $isStreamed,
        public ?Closure $trailers,
        public ?Closure $onInformational,
        public array $curlOptions,
    ) {}

    /**
     * @param array<array-key, mixed> $options     as in Client::request()
     * @param array<int, mixed>       $curlOptions what the direct path sets on its handle in place of its own options;
     *                                             fields of CURLOPT_HTTPHEADER come on top
     *
     * @throws InvalidArgumentException
     */
    public static function of(string $method, string $url, array $options, int $defaultTimeoutMs, array $curlOptions = []): self
    {
        $fields = [];
        $body = null;
        $timeoutMs = $defaultTimeoutMs;
        $connectTimeoutMs = self::CONNECT_TIMEOUT_MS;
        $isStreamed = false;
        $trailers = null;
        $onInformational = null;
        foreach ($options as $name => $value) {
            switch ($name) {
                case 'headers':
                    $fields = self::fields('headers', $value);
                    break;
                case 'body':
                    $body = \is_string($value) && \strlen($value) <= Wire::INITIAL_WINDOW_BYTES ? ($value === '' ? null : $value) : self::source($value);
                    break;
                case 'timeoutMs':
                    $timeoutMs = self::milliseconds($name, $value);
                    break;
                case 'connectTimeoutMs':
                    $connectTimeoutMs = self::milliseconds($name, $value);
                    break;
                case 'stream':
                    $isStreamed = \is_bool($value) ? $value : throw self::refuse($name, $value, 'true or false');
                    break;
                case 'trailers':
                    $trailers = match (true) {
                        \is_array($value) => static fn(): array => $value,
                        $value instanceof Closure => static function () use ($value): array {
                            $trailers = $value();

                            return \is_array($trailers) ? $trailers : throw self::refuse('trailers', $trailers, 'an array from its function');
                        },
                        default => throw self::refuse($name, $value, 'an array or a Closure that returns one'),
                    };
                    break;
                case 'onInformational':
                    $onInformational = \is_callable($value) ? $value(...) : throw self::refuse($name, $value, 'a callable');
                    break;
                default:
                    throw new InvalidArgumentException(\sprintf('"%s" is no option of a request; allowed are %s.', $name, implode(', ', self::OPTIONS)));
            }
        }
        if ($body instanceof BodySource && ($length = $body->length()) !== null && !self::has($fields, 'content-length')) {
            // The broker sees only the first of several frames, so nobody else can tell the origin.
            $fields[] = 'content-length';
            $fields[] = (string) $length;
        }

        return new self($method, $url, $fields, $body, $timeoutMs, $connectTimeoutMs, $isStreamed, $trailers, $onInformational, $curlOptions);
    }

    /**
     * The fields after the body, asked of the caller now.
     *
     * @return list<string>
     */
    public function trailers(): array
    {
        $fields = $this->trailers === null ? [] : self::fields('trailers', ($this->trailers)());
        if (\count($fields) > 2 * Wire::MAX_FIELD_LINES || \strlen(implode('', $fields)) > Wire::MAX_FRAME_BYTES >> 1) {
            throw new InvalidArgumentException(\sprintf('trailers: more than %d lines or %d octets; that is more than a frame holds.', Wire::MAX_FIELD_LINES, Wire::MAX_FRAME_BYTES >> 1));
        }

        return $fields;
    }

    /** Whether it may be sent again although the origin may have acted on it (RFC 9110 section 9.2.2). */
    public function isIdempotent(): bool
    {
        return \in_array($this->method, ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'], true);
    }

    /** Method and URL as they may stand in a message or a log. */
    public function label(): string
    {
        return (string) preg_replace('/[\x00-\x20\x7F-\xFF]/', '?', $this->method) . ' ' . $this->shownUrl();
    }

    /** The URL as it may stand in a message or a log: without userinfo, query and fragment. */
    public function shownUrl(): string
    {
        return (string) preg_replace(['~[?#].*$~s', '~^([^/?#]*//)[^/?#]*@~', '/[\x00-\x20\x7F-\xFF]/'], ['', '$1', '?'], $this->url);
    }

    /**
     * Headers or trailers as the caller wrote them: `name => value`, `name => [value, …]`, or `[name, value]`.
     *
     * @return list<string>
     */
    public static function fields(string $option, mixed $lines): array
    {
        if (!\is_array($lines)) {
            throw self::refuse($option, $lines, 'an array');
        }
        $fields = [];
        foreach ($lines as $name => $value) {
            if (\is_string($name) && \is_string($value)) {
                $fields[] = strtolower($name);
                $fields[] = $value;
                continue;
            }
            // PHP makes an int of a key that is all digits, so an int key with a value that is no pair is such a name.
            if (\is_int($name) && \is_array($value) && \count($value) === 2 && array_is_list($value) && \is_string($value[0])) {
                [$name, $value] = $value;
            }
            foreach (\is_array($value) ? $value : [$value] as $one) {
                if (!\is_string($one) && !\is_int($one)) {
                    throw self::refuse("{$option}: {$name}", $one, 'string, int, or a list of them');
                }
                $fields[] = strtolower((string) $name);
                $fields[] = (string) $one;
            }
        }

        return $fields;
    }

    private static function milliseconds(string $name, mixed $value): int
    {
        return \is_int($value) && $value >= 0 && $value <= 0x7FFFFFFF ? $value : throw self::refuse($name, $value, 'an integer from 0 (none) to 2147483647');
    }

    private static function source(mixed $body): ?BodySource
    {
        return match (true) {
            $body === null => null,
            \is_string($body) => new StringSource($body),
            $body instanceof BodySource => $body,
            \is_resource($body) && get_resource_type($body) === 'stream' => new ResourceSource($body),
            $body instanceof Traversable => new IterableSource($body),
            \is_array($body) => new IterableSource(new \ArrayIterator($body)),
            $body instanceof Closure => new CallableSource($body),
            default => throw self::refuse('body', $body, 'string, stream resource, iterable of strings, Closure(int): string, or null'),
        };
    }

    /**
     * @param list<string> $fields
     */
    private static function has(array $fields, string $name): bool
    {
        for ($at = 0, $end = \count($fields); $at < $end; $at += 2) {
            if ($fields[$at] === $name) {
                return true;
            }
        }

        return false;
    }

    /** Names the option and the type it got; never a value, which may be a secret. */
    private static function refuse(string $option, mixed $value, string $allowed): InvalidArgumentException
    {
        $found = \is_int($value) && str_ends_with($option, 'imeoutMs') ? (string) $value : get_debug_type($value);

        return new InvalidArgumentException(\sprintf('%s is %s; allowed is %s.', $option, $found, $allowed));
    }
}
