<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

/**
 * A request body that is read while it is sent.
 *
 * @internal
 */
interface BodySource
{
    /**
     * The next octets, 1 to `$maxBytes` of them; an empty string at the end and ever after. May run the caller's code,
     * and throw what that throws.
     */
    public function take(int $maxBytes): string;

    /**
     * Goes back to the beginning. False where that is not possible any more: the body cannot be sent a second time.
     */
    public function rewind(): bool;

    /**
     * How many octets there are in all; null where that is not known.
     */
    public function length(): ?int;
}
