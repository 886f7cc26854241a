<?php

declare(strict_types=1);

namespace Hawser\Internal\Direct;

use Hawser\Exception\ErrorCode;
use Hawser\Internal\Request;
use Hawser\Internal\Wire\Wire;

/**
 * Refuses on the direct path what the broker refuses on its own, so that both fail alike. curl would let some of it pass.
 *
 * @internal
 */
final class RequestValidator
{
    /** RFC 9110 section 5.6.2. */
    private const TOKEN = "/^[!#$%&'*+.^_`|~0-9A-Za-z-]+\$/D";

    /** Octets that RFC 3986 has no place for. */
    private const FORBIDDEN_IN_URL = '/[\x00-\x20\x7F-\xFF"<>\\\\^`{|}]/';

    /** RFC 9110 section 5.5: controls other than the tab. */
    private const FORBIDDEN_IN_VALUE = '/[\x00-\x08\x0A-\x1F\x7F]/';

    /** Labels of letters, digits, hyphen, and the underscore of real life. */
    private const HOST_NAME = '/^(?=.{1,253}$)[a-z0-9_][a-z0-9_-]{0,62}(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/Di';

    /** Names and values of one field section. */
    private const MAX_FIELD_SECTION_BYTES = 192 * 1024;

    /**
     * What is wrong with the request, in words without its values; null where nothing is.
     *
     * @return array{ErrorCode, string}|null
     */
    public static function complaint(Request $request): ?array
    {
        if ($request->method === 'CONNECT') {
            return [ErrorCode::RequestUnsupported, 'CONNECT makes a tunnel, which a client of requests does not do'];
        }
        if ($request->trailers !== null) {
            return [ErrorCode::RequestUnsupported, 'the direct path cannot send trailers'];
        }
        if (\strlen(implode('', $request->fields)) > self::MAX_FIELD_SECTION_BYTES || \count($request->fields) > 2 * Wire::MAX_FIELD_LINES) {
            return [ErrorCode::RequestTooLarge, \sprintf('there are more than %d field lines or %d octets in them', Wire::MAX_FIELD_LINES, self::MAX_FIELD_SECTION_BYTES)];
        }
        $complaint = (preg_match(self::TOKEN, $request->method) === 1 ? null : 'the method is not a token')
            ?? self::urlComplaint($request->url)
            ?? self::fieldsComplaint($request);

        return $complaint === null ? null : [ErrorCode::RequestInvalid, $complaint];
    }

    private static function urlComplaint(string $url): ?string
    {
        if (preg_match(self::FORBIDDEN_IN_URL, $url) === 1) {
            return 'the URL holds octets that must be percent-encoded';
        }
        if (preg_match('~^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)~', $url, $parts) !== 1) {
            return 'the URL is not absolute: a scheme (https or http) and a host are needed';
        }
        [, $scheme, $authority] = $parts;
        if (!\in_array(strtolower($scheme), ['https', 'http'], true)) {
            return 'the scheme of the URL is not https or http';
        }
        if (str_contains($authority, '@')) {
            return 'the URL holds userinfo (user:password@)';
        }
        if (preg_match('~^(\[[^]]*]|[^:]*)(?::(\d*))?$~D', $authority, $parts) !== 1) {
            return 'the authority of the URL is not host or host:port';
        }
        $host = $parts[1];
        $isHost = match (true) {
            str_starts_with($host, '[') => filter_var(trim($host, '[]'), FILTER_VALIDATE_IP, FILTER_FLAG_IPV6) !== false,
            default => preg_match(self::HOST_NAME, $host) === 1,
        };
        if (!$isHost) {
            return 'the URL has no valid host';
        }
        $port = $parts[2] ?? '';

        return $port === '' || (int) $port >= 1 && (int) $port <= 65_535 ? null : 'the port of the URL is not from 1 to 65535';
    }

    private static function fieldsComplaint(Request $request): ?string
    {
        $length = null;
        for ($at = 0, $end = \count($request->fields); $at < $end; $at += 2) {
            [$name, $value] = [$request->fields[$at], $request->fields[$at + 1]];
            if (preg_match(self::TOKEN, $name) !== 1) {
                return \sprintf('field name number %d is not a token', intdiv($at, 2) + 1);
            }
            if (preg_match(self::FORBIDDEN_IN_VALUE, $value) === 1) {
                return "the value of field {$name} holds CR, LF, NUL or another control";
            }
            if ($name === 'content-length') {
                if ($length !== null || preg_match('/^\d{1,15}$/D', $value) !== 1) {
                    return 'content-length is not one number of octets';
                }
                $length = (int) $value;
            }
        }
        $body = $request->body ?? '';
        if ($length !== null && \is_string($body) && $length !== \strlen($body)) {
            return \sprintf('content-length is %d and the body has %d octets', $length, \strlen($body));
        }

        return null;
    }
}
