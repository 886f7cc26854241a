<?php

declare(strict_types=1);

namespace HawserBench;

/** Bodies to send, made once per process. */
final class Content
{
    /** @var array<int, string> */
    private static array $made = [];

    public static function ofBytes(int $bytes): string
    {
        return self::$made[$bytes] ??= str_repeat('0123456789abcdef', intdiv($bytes, 16)) . str_repeat('.', $bytes % 16);
    }
}
