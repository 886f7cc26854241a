<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

/**
 * A string too long for one frame.
 *
 * @internal
 */
final class StringSource implements BodySource
{
    private int $at = 0;

    public function __construct(private readonly string $body) {}

    public function take(int $maxBytes): string
    {
        $octets = substr($this->body, $this->at, $maxBytes);
        $this->at += \strlen($octets);

        return $octets;
    }

    public function rewind(): bool
    {
        $this->at = 0;

        return true;
    }

    public function length(): int
    {
        return \strlen($this->body);
    }
}
