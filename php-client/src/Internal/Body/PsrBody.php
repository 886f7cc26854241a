<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

use Closure;
use Psr\Http\Message\StreamInterface;

/**
 * Turns the body of a PSR-7 request into one of ours.
 *
 * @internal
 */
final class PsrBody
{
    /** Up to here a body is read at once and sent with the head, in one frame. */
    private const INLINE_BYTES = 256 * 1024;

    /** Null where the body is empty. */
    public static function of(StreamInterface $stream): string|CallableSource|null
    {
        $bytes = $stream->getSize();
        if ($bytes === 0) {
            return null;
        }
        if ($bytes !== null && $bytes <= self::INLINE_BYTES) {
            return (string) $stream;
        }
        $rewind = null;
        if ($stream->isSeekable()) {
            $rewind = static function () use ($stream): bool {
                $stream->rewind();

                return true;
            };
            $rewind();
        }

        return new CallableSource(self::reader($stream), $rewind, $rewind === null ? null : $bytes);
    }

    /**
     * @return Closure(int): string
     */
    private static function reader(StreamInterface $stream): Closure
    {
        return static function (int $maxBytes) use ($stream): string {
            while (!$stream->eof()) {
                $octets = $stream->read($maxBytes);
                if ($octets !== '') {
                    return $octets;
                }
            }

            return '';
        };
    }
}
