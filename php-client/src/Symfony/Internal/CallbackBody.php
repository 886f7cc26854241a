<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;
use Hawser\Internal\Body\BodySource;
use Symfony\Component\HttpClient\Exception\TransportException;

/**
 * A body callback of Symfony's: it should keep to the size it is asked for, and may give more.
 *
 * @internal
 */
final class CallbackBody implements BodySource
{
    private string $rest = '';

    private int $takenBytes = 0;

    private bool $isBegun = false;

    private bool $isEnded = false;

    /**
     * @param Closure(int): mixed $read
     */
    public function __construct(private readonly Closure $read) {}

    public function take(int $maxBytes): string
    {
        $this->isBegun = true;
        if ($this->rest === '' && !$this->isEnded) {
            $octets = ($this->read)($maxBytes);
            if (!\is_string($octets)) {
                throw new TransportException(\sprintf('The callback of option "body" must return a string, got %s.', get_debug_type($octets)));
            }
            $this->rest = $octets;
            $this->isEnded = $octets === '';
        }
        $octets = substr($this->rest, 0, $maxBytes);
        $this->rest = substr($this->rest, $maxBytes);
        $this->takenBytes += \strlen($octets);

        return $octets;
    }

    /** Octets that were asked for so far. */
    public function taken(): int
    {
        return $this->takenBytes;
    }

    public function rewind(): bool
    {
        return !$this->isBegun;
    }

    public function length(): null
    {
        return null;
    }
}
