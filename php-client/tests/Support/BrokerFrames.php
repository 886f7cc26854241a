<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Hawser\Internal\Wire\FrameEncoder;

/**
 * Frames that only a broker sends, as octets, right or wrong as the arguments make them.
 */
final class BrokerFrames
{
    public static function welcome(string $nonce, int $maxExchanges = 256, int $version = 1): string
    {
        return self::frame("\x94\x02\x00\xC4" . \chr(\strlen($nonce)) . $nonce . "\x84\xA1v" . FrameEncoder::uint($version)
            . "\xACmaxExchanges" . FrameEncoder::uint($maxExchanges) . "\xA8maxFrame" . FrameEncoder::uint(512 * 1024) . "\xA5agent\xA4fake");
    }

    /**
     * @param list<string> $fields
     */
    public static function response(int $id, string $body = '', int $status = 200, array $fields = [], bool $isEnd = true): string
    {
        return self::frame("\x97\x04" . FrameEncoder::uint($id) . ($isEnd ? "\x01" : "\x00") . FrameEncoder::uint($status)
            . self::fields($fields) . FrameEncoder::bin($body) . self::facts());
    }

    public static function data(int $id, string $payload): string
    {
        return self::frame("\x93\x05" . FrameEncoder::uint($id) . FrameEncoder::bin($payload));
    }

    /**
     * @param list<string> $trailers
     */
    public static function end(int $id, array $trailers = []): string
    {
        return self::frame("\x94\x06" . FrameEncoder::uint($id) . self::fields($trailers) . self::facts());
    }

    public static function window(int $id, int $increment): string
    {
        return self::frame("\x93\x07" . FrameEncoder::uint($id) . FrameEncoder::uint($increment));
    }

    /**
     * @param list<string> $fields
     */
    public static function informational(int $id, int $status, array $fields = []): string
    {
        return self::frame("\x94\x09" . FrameEncoder::uint($id) . FrameEncoder::uint($status) . self::fields($fields));
    }

    public static function error(int $id, int $code, string $name, string $message = 'words of the broker', int $processed = 1, string $source = 'origin'): string
    {
        return self::frame("\x98\x0A" . FrameEncoder::uint($id) . FrameEncoder::uint($code) . FrameEncoder::str($name)
            . FrameEncoder::str($message) . FrameEncoder::uint($processed) . FrameEncoder::str($source) . "\xC0");
    }

    public static function goaway(int $lastId): string
    {
        return self::frame("\x94\x0D\x00" . FrameEncoder::uint($lastId) . "\xA5drain");
    }

    public static function ping(string $payload): string
    {
        return self::frame("\x93\x0B\x00" . FrameEncoder::bin($payload));
    }

    public static function frame(string $array): string
    {
        return pack('N', \strlen($array)) . $array;
    }

    private static function facts(): string
    {
        return "\x99" . FrameEncoder::str('h2') . FrameEncoder::str('reused') . "\x01\xA0\x07\xFF" . FrameEncoder::uint(1500)
            . FrameEncoder::uint(1600) . FrameEncoder::str('192.0.2.7:443');
    }

    /**
     * @param list<string> $fields
     */
    private static function fields(array $fields): string
    {
        return FrameEncoder::arrayHeader(\count($fields)) . implode('', array_map(FrameEncoder::bin(...), $fields));
    }
}
