<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Hawser\Fields;

/**
 * The head of a response in the two forms that Symfony gives it: values by name, and lines as of `$http_response_header`.
 *
 * @internal
 */
final readonly class Head
{
    /** RFC 9110 section 15, and RFC 6585, 7725, 8297, 4918: what HTTP/1.1 servers say; the broker passes no phrases on. */
    private const PHRASES = [
        100 => 'Continue', 101 => 'Switching Protocols', 102 => 'Processing', 103 => 'Early Hints',
        200 => 'OK', 201 => 'Created', 202 => 'Accepted', 203 => 'Non-Authoritative Information', 204 => 'No Content',
        205 => 'Reset Content', 206 => 'Partial Content', 207 => 'Multi-Status',
        300 => 'Multiple Choices', 301 => 'Moved Permanently', 302 => 'Found', 303 => 'See Other', 304 => 'Not Modified',
        305 => 'Use Proxy', 307 => 'Temporary Redirect', 308 => 'Permanent Redirect',
        400 => 'Bad Request', 401 => 'Unauthorized', 402 => 'Payment Required', 403 => 'Forbidden', 404 => 'Not Found',
        405 => 'Method Not Allowed', 406 => 'Not Acceptable', 407 => 'Proxy Authentication Required', 408 => 'Request Timeout',
        409 => 'Conflict', 410 => 'Gone', 411 => 'Length Required', 412 => 'Precondition Failed', 413 => 'Content Too Large',
        414 => 'URI Too Long', 415 => 'Unsupported Media Type', 416 => 'Range Not Satisfiable', 417 => 'Expectation Failed',
        421 => 'Misdirected Request', 422 => 'Unprocessable Content', 423 => 'Locked', 424 => 'Failed Dependency', 425 => 'Too Early',
        426 => 'Upgrade Required', 428 => 'Precondition Required', 429 => 'Too Many Requests',
        431 => 'Request Header Fields Too Large', 451 => 'Unavailable For Legal Reasons',
        500 => 'Internal Server Error', 501 => 'Not Implemented', 502 => 'Bad Gateway', 503 => 'Service Unavailable',
        504 => 'Gateway Timeout', 505 => 'HTTP Version Not Supported', 507 => 'Insufficient Storage',
        511 => 'Network Authentication Required',
    ];

    /**
     * @param array<string, list<string>> $headers by lower-case name
     * @param list<string>                $lines   status line and fields
     */
    private function __construct(public int $status, public array $headers, public array $lines) {}

    /**
     * Field names are written as HTTP/1 servers do, and lower case under HTTP/2, as curl shows them.
     *
     * A response over HTTP/1.1 whose body has no length gets the field `transfer-encoding` that curl shows for it: the
     * broker takes the framing off, and with it the field about this one hop (RFC 9110 section 7.6.1).
     *
     * @param string $protocol as in `Facts`
     */
    public static function of(int $status, Fields $fields, string $protocol, string $method, bool $isDirect): self
    {
        $headers = [];
        $isText = $protocol !== 'h2';
        $lines = [\sprintf('HTTP/%s %d %s', match ($protocol) {
            'h2' => '2',
            'http/1.0' => '1.0',
            default => '1.1',
        }, $status, $isText ? self::PHRASES[$status] ?? '' : '')];
        $all = $fields->lines();
        if (!$isDirect && $protocol === 'http/1.1' && $status >= 200 && $status !== 204 && $status !== 304 && $method !== 'HEAD' && !$fields->has('content-length')) {
            $all[] = ['transfer-encoding', 'chunked'];
        }
        foreach ($all as [$name, $value]) {
            $headers[strtolower($name)][] = $value;
            $lines[] = ($isText ? ucwords($name, '-') : $name) . ': ' . $value;
        }

        return new self($status, $headers, $lines);
    }
}
