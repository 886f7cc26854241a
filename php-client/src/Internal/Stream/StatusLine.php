<?php

declare(strict_types=1);

namespace Hawser\Internal\Stream;

/**
 * Status and fields in the form of `$http_response_header`. HTTP/2 has no reason phrase and no such line; code that reads
 * it expects the ones of HTTP/1.1 (RFC 9112 section 4), so these are written whatever the origin spoke.
 *
 * @internal
 */
final class StatusLine
{
    /** RFC 9110 section 15, and the codes of RFC 6585. */
    private const REASONS = [
        200 => 'OK', 201 => 'Created', 202 => 'Accepted', 203 => 'Non-Authoritative Information', 204 => 'No Content',
        205 => 'Reset Content', 206 => 'Partial Content', 300 => 'Multiple Choices', 301 => 'Moved Permanently', 302 => 'Found',
        303 => 'See Other', 304 => 'Not Modified', 305 => 'Use Proxy', 307 => 'Temporary Redirect', 308 => 'Permanent Redirect',
        400 => 'Bad Request', 401 => 'Unauthorized', 402 => 'Payment Required', 403 => 'Forbidden', 404 => 'Not Found',
        405 => 'Method Not Allowed', 406 => 'Not Acceptable', 407 => 'Proxy Authentication Required', 408 => 'Request Timeout',
        409 => 'Conflict', 410 => 'Gone', 411 => 'Length Required', 412 => 'Precondition Failed', 413 => 'Content Too Large',
        414 => 'URI Too Long', 415 => 'Unsupported Media Type', 416 => 'Range Not Satisfiable', 417 => 'Expectation Failed',
        421 => 'Misdirected Request', 422 => 'Unprocessable Content', 426 => 'Upgrade Required', 428 => 'Precondition Required',
        429 => 'Too Many Requests', 431 => 'Request Header Fields Too Large', 500 => 'Internal Server Error',
        501 => 'Not Implemented', 502 => 'Bad Gateway', 503 => 'Service Unavailable', 504 => 'Gateway Timeout',
        505 => 'HTTP Version Not Supported', 511 => 'Network Authentication Required',
    ];

    public static function of(int $status): string
    {
        return rtrim("HTTP/1.1 {$status} " . (self::REASONS[$status] ?? ''));
    }

    /**
     * @param list<string> $fields name, value, name, value, …
     *
     * @return list<string>
     */
    public static function lines(int $status, array $fields): array
    {
        $lines = [self::of($status)];
        for ($at = 0, $end = \count($fields); $at < $end; $at += 2) {
            $lines[] = $fields[$at] . ': ' . $fields[$at + 1];
        }

        return $lines;
    }
}
