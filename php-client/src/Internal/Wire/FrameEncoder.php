<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

/**
 * Frames that the client sends, as octets with their length prefix. Written as strings from the start: no array or
 * object stands for a frame.
 *
 * @internal
 */
final readonly class FrameEncoder
{
    public function __construct(private Codec $codec) {}

    /**
     * @param string $nonce 16 octets; always `bin 8`, because the broker echoes it and the client looks for that
     */
    public function hello(string $nonce, int $windowBytes, string $agent): string
    {
        return self::frame("\x94\x01\x00\xC4\x10" . $nonce
            . "\x83\xA1v" . self::uint(Wire::VERSION) . "\xA6window" . self::uint($windowBytes) . "\xA5agent" . self::str($agent));
    }

    /**
     * @param list<string> $fields name, value, name, value, …; names lower case
     * @param string|null  $body   null: none here
     * @param bool         $isEnd  the body is whole, nothing follows
     */
    public function request(int $id, bool $isEnd, int $timeoutMs, string $method, string $url, array $fields, ?string $body): string
    {
        $line = preg_match('/[\x80-\xFF]/', $method . $url) === 1 ? self::octets($method) . self::octets($url) : self::str($method) . self::str($url);

        $numbers = self::uint($id) . ($isEnd ? "\x01" : "\x00") . self::uint($timeoutMs);
        $packed = $fields === [] ? "\x90" : $this->fields($fields);
        $content = $body === null ? "\xC0" : self::bin($body);

        return self::frame("\x98\x03{$numbers}{$line}{$packed}{$content}");
    }

    /**
     * The payload whose DATA frame has 64 KiB: the broker reads as much at once, and need not put such frames together.
     */
    public static function pieceBytes(int $id): int
    {
        return 64 * 1024 - \strlen(pack('N', 0) . "\x93\x05" . self::uint($id) . "\xC5\x00\x00");
    }

    /**
     * @param string $payload 1 to 65536 octets
     */
    public function data(int $id, string $payload): string
    {
        $size = \strlen($payload);
        $head = "\x93\x05" . self::uint($id) . self::binHeader($size);

        // Joined at once, for the payload is long.
        return pack('N', \strlen($head) + $size) . $head . $payload;
    }

    /**
     * @param list<string> $trailers
     */
    public function end(int $id, array $trailers): string
    {
        return self::frame("\x94\x06" . self::uint($id) . ($trailers === [] ? "\x90" : $this->fields($trailers)) . "\xC0");
    }

    public function window(int $id, int $increment): string
    {
        return self::frame("\x93\x07" . self::uint($id) . self::uint($increment));
    }

    public function cancel(int $id): string
    {
        return self::frame("\x92\x08" . self::uint($id));
    }

    /**
     * @param string $payload the 8 octets of the PING
     */
    public function pong(string $payload): string
    {
        return self::frame("\x93\x0C\x00" . self::bin($payload));
    }

    public static function uint(int $value): string
    {
        return match (true) {
            $value < 0x80 => \chr($value),
            $value <= 0xFF => "\xCC" . \chr($value),
            $value <= 0xFFFF => "\xCD" . pack('n', $value),
            default => "\xCE" . pack('N', $value),
        };
    }

    public static function str(string $octets): string
    {
        $size = \strlen($octets);

        return match (true) {
            $size < 32 => \chr(0xA0 | $size) . $octets,
            $size <= 0xFF => "\xD9" . \chr($size) . $octets,
            $size <= 0xFFFF => "\xDA" . pack('n', $size) . $octets,
            default => "\xDB" . pack('N', $size) . $octets,
        };
    }

    public static function bin(string $octets): string
    {
        return self::binHeader(\strlen($octets)) . $octets;
    }

    private static function binHeader(int $size): string
    {
        return match (true) {
            $size <= 0xFF => "\xC4" . \chr($size),
            $size <= 0xFFFF => "\xC5" . pack('n', $size),
            default => "\xC6" . pack('N', $size),
        };
    }

    public static function arrayHeader(int $count): string
    {
        return match (true) {
            $count < 16 => \chr(0x90 | $count),
            $count <= 0xFFFF => "\xDC" . pack('n', $count),
            default => "\xDD" . pack('N', $count),
        };
    }

    /** `str` must be UTF-8, so octets beyond ASCII travel as `bin`. */
    private static function octets(string $octets): string
    {
        return preg_match('/[\x80-\xFF]/', $octets) !== 1 ? self::str($octets) : self::bin($octets);
    }

    /**
     * No msgpack packer knows which PHP string must become a `bin`: one look at all of them decides whether the quick
     * way will do.
     *
     * @param list<string> $fields
     */
    private function fields(array $fields): string
    {
        if (preg_match('/[\x80-\xFF]/', implode('', $fields)) !== 1) {
            return $this->codec->packStrings($fields);
        }
        $packed = self::arrayHeader(\count($fields));
        foreach ($fields as $octets) {
            $packed .= self::octets($octets);
        }

        return $packed;
    }

    private static function frame(string $array): string
    {
        return pack('N', \strlen($array)) . $array;
    }
}
