<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

/**
 * No body, where trailers follow all the same.
 *
 * @internal
 */
final class EmptySource implements BodySource
{
    public function take(int $maxBytes): string
    {
        return '';
    }

    public function rewind(): bool
    {
        return true;
    }

    public function length(): int
    {
        return 0;
    }
}
