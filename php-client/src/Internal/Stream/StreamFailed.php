<?php

declare(strict_types=1);

namespace Hawser\Internal\Stream;

use RuntimeException;

/**
 * A stream cannot be opened; the message becomes PHP's warning.
 *
 * @internal
 */
final class StreamFailed extends RuntimeException
{
    /**
     * @param list<string> $lines header lines of the responses that came nevertheless
     */
    public function __construct(string $message, public readonly array $lines = [])
    {
        parent::__construct($message);
    }
}
