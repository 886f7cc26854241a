<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use InflateContext;
use RuntimeException;

/**
 * Decodes a body in the content coding gzip or deflate (RFC 9110 section 8.4.1), piece by piece.
 *
 * @internal
 */
final class Inflater
{
    private ?InflateContext $context = null;

    private function __construct(private readonly bool $isGzip) {}

    /**
     * Null where the coding is another, or none, or ext-zlib is missing: the body stays as it came.
     */
    public static function for(string $contentEncoding): ?self
    {
        return match (true) {
            !\function_exists('inflate_init') => null,
            \in_array(strtolower(trim($contentEncoding)), ['gzip', 'x-gzip'], true) => new self(true),
            strtolower(trim($contentEncoding)) === 'deflate' => new self(false),
            default => null,
        };
    }

    public function add(string $octets): string
    {
        if ($octets === '') {
            return '';
        }
        $this->context ??= $this->begin($octets);
        $decoded = @inflate_add($this->context, $octets);

        return $decoded === false ? throw new RuntimeException('the body is not in the content coding that content-encoding names') : $decoded;
    }

    /**
     * @throws RuntimeException where the body ended within its coding
     */
    public function end(): void
    {
        if ($this->context !== null && inflate_get_status($this->context) !== \ZLIB_STREAM_END) {
            throw new RuntimeException('the body ended before its content coding did');
        }
    }

    private function begin(string $octets): InflateContext
    {
        // "deflate" means zlib (RFC 1950); some origins send what is within it (RFC 1951) all the same. A zlib header begins with 8 in its low nibble.
        $isZlib = (\ord($octets[0]) & 0x0F) === 8;
        $context = inflate_init($this->isGzip ? \ZLIB_ENCODING_GZIP : ($isZlib ? \ZLIB_ENCODING_DEFLATE : \ZLIB_ENCODING_RAW));

        return $context === false ? throw new RuntimeException('zlib cannot be used') : $context;
    }
}
