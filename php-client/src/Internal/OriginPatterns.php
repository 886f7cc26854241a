<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Hawser\Exception\InvalidArgumentException;

/**
 * A list of origins, some with wildcards, as one regular expression for URLs. The same patterns as `match` in
 * `hawser.yaml`: `*.` stands for one or more labels and never for none, `*` for any host, `:*` for any port.
 *
 * @internal
 */
final class OriginPatterns
{
    private const PATTERN = '~^(https?)://(\*|(\*\.(?!\[))?(\[[0-9A-Fa-f:.]+]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?))\.?(:\d{1,5}|:\*)?/?$~D';

    /** Labels that stand in for a wildcard; no octet that could end the host. */
    private const LABELS = '[^/?#:@\[\]\\\\]+';

    /**
     * @param array<array-key, mixed> $origins
     *
     * @throws InvalidArgumentException for what is no pattern of origins
     */
    public static function compile(string $name, array $origins): string
    {
        if ($origins === []) {
            throw new InvalidArgumentException("{$name} is an empty list; allowed is at least one origin, or percent 0 for none.");
        }

        return '~^(?:' . implode('|', array_map(static fn(mixed $origin): string => self::one($name, $origin), $origins)) . ')(?=[/?#]|$)~Di';
    }

    private static function one(string $name, mixed $origin): string
    {
        if (!\is_string($origin) || preg_match(self::PATTERN, $origin, $parts) !== 1) {
            throw new InvalidArgumentException(\sprintf('%s holds %s; allowed are origins such as https://api.example.com, https://*.example.com, http://localhost:*.', $name, \is_string($origin) ? json_encode($origin, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE) : get_debug_type($origin)));
        }
        [, $scheme, $host] = $parts;
        $wildcard = $parts[3] ?? '';
        $port = $parts[6] ?? '';
        $ports = match (true) {
            $port === ':*' => '(?::\d*)?',
            $port === '' || (int) substr($port, 1) === self::defaultPort($scheme) => '(?::(?:0*' . self::defaultPort($scheme) . ')?)?',
            default => ':0*' . (int) substr($port, 1),
        };
        $hosts = match (true) {
            $host === '*' => '(?:' . self::LABELS . '|\[[^\]]*\])',
            $wildcard !== '' => self::LABELS . preg_quote(substr($host, 1), '~') . '\.?',
            default => preg_quote($host, '~') . '\.?',
        };

        return $scheme . '://' . $hosts . $ports;
    }

    private static function defaultPort(string $scheme): int
    {
        return $scheme === 'https' ? 443 : 80;
    }
}
