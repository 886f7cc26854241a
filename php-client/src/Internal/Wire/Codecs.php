<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * Chooses the codec of this process: ext-msgpack where it is loaded. `HAWSER_CODEC=php` in the environment takes the
 * one in PHP all the same, so both can be tested on one machine.
 *
 * @internal
 */
final class Codecs
{
    private static ?Codec $codec = null;

    public static function default(): Codec
    {
        return self::$codec ??= \extension_loaded('msgpack') && getenv('HAWSER_CODEC') !== 'php'
            ? new ExtensionCodec()
            : new PhpCodec();
    }
}
