<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use Hawser\Internal\Transfer;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * Guzzle's option `debug`: heads as curl prints them, and how the exchange went. As with curl, fields are printed as
 * they are, secrets among them.
 *
 * @internal
 */
final class DebugLog
{
    /**
     * @param resource $stream
     */
    public static function write(mixed $stream, RequestInterface $request, ResponseInterface $response, Transfer $transfer): void
    {
        $facts = $transfer->facts ?? ['', '', 0, '', -1, -1, -1, -1, ''];
        $way = $transfer->isDirect ? 'directly, without the broker' : 'through the broker';
        $lines = ["* Hawser: {$request->getUri()->getScheme()}://{$request->getUri()->getAuthority()} {$way}: {$facts[0]}, session {$facts[1]}, attempts {$facts[2]}, {$facts[8]}"];
        $lines[] = "> {$request->getMethod()} {$request->getRequestTarget()}";
        foreach ($request->getHeaders() as $name => $values) {
            foreach ($values as $value) {
                $lines[] = "> {$name}: {$value}";
            }
        }
        $lines[] = "< HTTP/{$response->getProtocolVersion()} {$response->getStatusCode()}";
        foreach ($response->getHeaders() as $name => $values) {
            foreach ($values as $value) {
                $lines[] = "< {$name}: {$value}";
            }
        }
        fwrite($stream, implode("\n", $lines) . "\n");
    }
}
