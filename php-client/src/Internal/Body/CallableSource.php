<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

use Closure;
use Hawser\Exception\InvalidArgumentException;

/**
 * A function that is asked for at most so many octets and returns an empty string at the end.
 *
 * @internal
 */
final class CallableSource implements BodySource
{
    private bool $isBegun = false;

    private bool $isEnded = false;

    /**
     * @param Closure(int): mixed    $read
     * @param (Closure(): bool)|null $rewind goes back to the beginning; null: it cannot
     */
    public function __construct(
        private readonly Closure $read,
        private readonly ?Closure $rewind = null,
        private readonly ?int $length = null,
    ) {}

    public function take(int $maxBytes): string
    {
        if ($this->isEnded) {
            return '';
        }
        $this->isBegun = true;
        $octets = ($this->read)($maxBytes);
        if (!\is_string($octets) || \strlen($octets) > $maxBytes) {
            throw new InvalidArgumentException(\sprintf('body: its function gave %s; allowed is a string of at most %d octets.', \is_string($octets) ? \strlen($octets) . ' octets' : get_debug_type($octets), $maxBytes));
        }
        $this->isEnded = $octets === '';

        return $octets;
    }

    public function rewind(): bool
    {
        if ($this->isBegun && !($this->rewind !== null && ($this->rewind)())) {
            return false;
        }
        $this->isBegun = false;
        $this->isEnded = false;

        return true;
    }

    public function length(): ?int
    {
        return $this->length;
    }
}
