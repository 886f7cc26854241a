<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use Closure;

/**
 * A response body while it comes. Dropping it, and what it holds, gives the exchange up.
 */
final class BodyReader
{
    /**
     * @param Closure(): string $read next octets, waiting for them; empty at the end
     */
    public function __construct(private readonly Closure $read) {}

    public function read(): string
    {
        return ($this->read)();
    }
}
