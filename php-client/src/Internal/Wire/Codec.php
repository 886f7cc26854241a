<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * The part of msgpack where a C extension beats PHP: lists of strings out, whole frames in. Everything else of the
 * encoding is a few octets, which FrameEncoder writes itself.
 *
 * @internal
 */
interface Codec
{
    /**
     * A msgpack array of `str`.
     *
     * @param list<string> $strings octets 00 to 7F only
     */
    public function packStrings(array $strings): string;

    /**
     * The one value that `$bytes` hold: nil, boolean, integer, str, bin, array or map, as null, bool, int, string and
     * array. Never builds an object.
     *
     * @throws MalformedFrame where they hold anything else, less, or more
     */
    public function unpack(string $bytes): mixed;
}
