<?php

declare(strict_types=1);

namespace Hawser\Internal\Stream;

/**
 * Where a `Location` leads (RFC 9110 section 10.2.2): a URI reference, resolved against the URL that sent it.
 *
 * @internal
 */
final class UriReference
{
    /** RFC 3986 appendix B: 2 scheme, 4 authority, 5 path, 6 query with its `?`, 8 fragment. */
    private const PARTS = '~^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?[^#]*)?(#(.*))?$~s';

    /**
     * An absolute URL without fragment (RFC 3986 section 5.2).
     */
    public static function resolve(string $base, string $reference): string
    {
        $from = self::parts($base);
        $to = self::parts($reference);
        if ($to['scheme'] !== '') {
            return self::join($to['scheme'], $to['authority'] ?? '', self::withoutDots($to['path']), $to['query']);
        }
        if ($to['authority'] !== null) {
            return self::join($from['scheme'], $to['authority'], self::withoutDots($to['path']), $to['query']);
        }
        if ($to['path'] === '') {
            return self::join($from['scheme'], $from['authority'] ?? '', $from['path'], $to['query'] !== '' ? $to['query'] : $from['query']);
        }
        $path = str_starts_with($to['path'], '/') ? $to['path'] : substr($from['path'], 0, (int) strrpos($from['path'], '/')) . '/' . $to['path'];

        return self::join($from['scheme'], $from['authority'] ?? '', self::withoutDots($path), $to['query']);
    }

    /**
     * Scheme and authority of an absolute URL, for comparison; userinfo left out.
     */
    public static function origin(string $url): string
    {
        $parts = self::parts($url);
        $authority = strtolower((string) preg_replace('~^.*@~s', '', $parts['authority'] ?? ''));
        $port = ['http' => ':80', 'https' => ':443'][strtolower($parts['scheme'])] ?? '';
        $isDefault = $port !== '' && str_ends_with($authority, $port);

        return strtolower($parts['scheme']) . '://' . ($isDefault ? substr($authority, 0, -\strlen($port)) : $authority);
    }

    /**
     * @return array{scheme: string, authority: string|null, path: string, query: string}
     */
    private static function parts(string $uri): array
    {
        preg_match(self::PARTS, $uri, $part, PREG_UNMATCHED_AS_NULL);

        return ['scheme' => $part[2] ?? '', 'authority' => $part[4] ?? null, 'path' => $part[5] ?? '', 'query' => $part[6] ?? ''];
    }

    private static function join(string $scheme, string $authority, string $path, string $query): string
    {
        return "{$scheme}://{$authority}" . (str_starts_with($path, '/') ? $path : "/{$path}") . $query;
    }

    /** RFC 3986 section 5.2.4. */
    private static function withoutDots(string $path): string
    {
        $kept = [];
        $segments = explode('/', $path);
        foreach ($segments as $segment) {
            match ($segment) {
                '.' => null,
                '..' => \count($kept) > 1 ? array_pop($kept) : null,
                default => $kept[] = $segment,
            };
        }
        if (\in_array(end($segments), ['.', '..'], true)) {
            $kept[] = '';
        }

        return implode('/', $kept);
    }
}
